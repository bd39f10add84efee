import type { Member } from '../cluster/members.ts';
import type { Pod } from '../cluster/objects.ts';
import { isFinished } from '../cluster/pods.ts';
import { quantity } from '../cluster/quantities.ts';
import { staysBecause } from './drain.ts';

/** What pods ask for, or a node has: CPU in cores, memory in bytes, and the number of pods. */
interface Amount {
  cpu: number;
  memory: number;
  pods: number;
}

/**
 * How many of these, in their order, have pods that new nodes have room for besides all others: who leaves without a replacement
 * would else send its pods onto nodes that leave later, and they would move twice. By requests alone, as the scheduler counts
 * them (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled).
 * @param fresh new members that serve
 * @param sure members that leave for a replacement that is there
 */
export function fitting(
  fresh: readonly Member[],
  sure: readonly Member[],
  others: readonly Member[],
  podsOn: (node: string) => readonly Pod[],
): number {
  const free: Amount = { cpu: 0, memory: 0, pods: 0 };
  const take = (pods: readonly Pod[]): void => {
    for (const pod of pods) {
      const asked = askedBy(pod);
      free.cpu -= asked.cpu;
      free.memory -= asked.memory;
      free.pods -= 1;
    }
  };
  const running = (m: Member): Pod[] => podsOn(m.node?.metadata.name ?? '').filter((p) => !isFinished(p));
  const moving = (m: Member): Pod[] => running(m).filter((p) => !staysBecause(p));
  for (const member of fresh) {
    const { cpu, memory, pods } = member.node?.status?.allocatable ?? {};
    free.cpu += quantity(cpu);
    free.memory += quantity(memory);
    free.pods += quantity(pods);
    take(running(member));
  }
  for (const member of sure) take(moving(member));
  let n = 0;
  for (const member of others) {
    take(moving(member));
    if (!(free.cpu >= 0 && free.memory >= 0 && free.pods >= 0)) break;
    n++;
  }
  return n;
}

/** Init containers run before the others, so that the larger counts; those that go on to run count with them. */
function askedBy({ spec }: Pod): Omit<Amount, 'pods'> {
  const { containers, initContainers = [], overhead = {} } = spec;
  const sum = (what: 'cpu' | 'memory'): number => {
    const of = (c: { resources?: { requests?: Record<string, string> } }): number =>
      quantity(c.resources?.requests?.[what]);
    const sidecars = initContainers.filter((c) => c.restartPolicy === 'Always');
    const together = [...containers, ...sidecars].reduce((all, c) => all + of(c), 0);
    return Math.max(together, ...initContainers.map(of)) + quantity(overhead[what]);
  };
  return { cpu: sum('cpu'), memory: sum('memory') };
}
