import { instanceIdOf, nodeReady } from '../../src/cluster/members.ts';
import type { Pod } from '../../src/cluster/objects.ts';
import { isTerminating, podName } from '../../src/cluster/pods.ts';
import { scaled } from '../../src/cluster/quantities.ts';
import { destroyingFaults } from '../../src/rehearsal/faults/index.ts';
import { taintKey } from '../../src/rotation/context.ts';
import { staysBecause } from '../../src/rotation/drain.ts';
import { unreadySince } from '../../src/rotation/force.ts';
import type { World } from '../rotation/world.ts';
import type { Scenario } from './draw.ts';
import { green } from './shape.ts';

/** An engine at work, as the rules see it. */
export interface Watched {
  phase: string;
  log: readonly string[];
}

/** What must hold at every moment, whatever goes wrong; each rule speaks up once. */
export interface Rules {
  problems: string[];
  /** Judges a write before it is made. */
  onWrite(engine: Watched, name: string, args: unknown[]): void;
  /** Looks at the sizes of the groups. */
  look(): void;
  /** What AWS did, at the end. */
  atLast(): void;
}

const forceUnreadyMs = 120_000;
/** A node that has just joined, or come back, is tainted at the next look. */
const joinedMs = 60_000;

export function watchRules(world: World, scenario: Scenario): Rules {
  const { store, aws, fault } = world.cluster;
  const { inputs, faults } = scenario;
  const problems: string[] = [];
  const began = world.clock.now();
  const destroyed = new Set<string>();
  fault.onDestroys((id) => void destroyed.add(id));
  const broken = new Set<string>();
  const complain = (rule: string, words: string): void => {
    if (broken.has(rule)) return;
    broken.add(rule);
    problems.push(`${words}, after ${Math.round((world.clock.now() - began) / 1000)}s`);
  };
  const podsOn = (node: string | undefined): Pod[] =>
    node ? store.list('pods', { fieldSelector: `spec.nodeName=${node}` }) : [];
  const nodeOf = (id: string) => store.list('nodes').find((n) => instanceIdOf(n) === id);
  const isOutdated = (node: string | undefined): boolean => {
    const found = node ? store.get('nodes', { name: node }) : undefined;
    const instance = aws.instances.get(found ? (instanceIdOf(found) ?? '') : '');
    return instance !== undefined && instance.imageId !== aws.templateOf(aws.group(instance.group)).imageId;
  };

  /** A pod is only ever deleted by on-blocked: force, and only when it serves nobody for long. */
  const deletes = (ref: { namespace?: string; name: string }): void => {
    const pod = store.get('pods', ref);
    if (!pod) return;
    const since = unreadySince(pod);
    const long = since !== undefined && world.clock.now() - since >= forceUnreadyMs;
    if (inputs['on-blocked'] !== 'force' || !long)
      complain('deletes', `${podName(pod)} is deleted past its budget`);
  };

  /** Whoever goes is empty. */
  const terminates = (id: string): void => {
    const node = nodeOf(id);
    if (!node || !nodeReady(node)) return;
    const left = podsOn(node.metadata.name).filter((p) => !isTerminating(p) && !staysBecause(p));
    if (left.length > 0)
      complain(
        'terminates',
        `${node.metadata.name} is terminated with ${left.map(podName).join(', ')} on it`,
      );
  };

  /** Desired falls with an instance that is named; by number only as far as no instance stands behind it. */
  const resizes = (name: string, { desired }: { desired?: number }): void => {
    const group = aws.group(name);
    const there = aws.membersOf(name).filter((i) => !i.lifecycle.startsWith('Terminat')).length;
    if (desired !== undefined && desired < group.desired && desired < there)
      complain(
        'resizes',
        `desired of ${name} is lowered from ${group.desired} to ${desired} with ${there} there`,
      );
  };

  /** While pods leave old nodes, no other old node takes them. */
  const evicts = ({ phase, log }: Watched, ref: { namespace: string; name: string }): void => {
    const pod = store.get('pods', ref);
    if (phase !== 'all' || !isOutdated(pod?.spec.nodeName) || scenario.blueGreen) return;
    if (log.some((l) => /^(Putting every setting back|Removing )/.test(l))) return;
    const open = store
      .list('nodes')
      .filter((n) => isOutdated(n.metadata.name) && nodeReady(n) && !n.spec.unschedulable)
      .filter((n) => !n.spec.taints?.some((t) => t.key === taintKey))
      .filter((n) => world.clock.now() - Date.parse(n.metadata.creationTimestamp ?? '') > joinedMs)
      .map((n) => n.metadata.name);
    if (open.length > 0) complain('evicts', `${open.join(', ')} may take pods that leave other old nodes`);
  };

  /**
   * Where a replacement always comes first, a pod that has left an old node never has to leave another one; unless it keeps apart
   * from others, and the scheduler finds that more important.
   */
  let undisturbed =
    inputs['max-surge'] !== '0' &&
    inputs['max-unavailable'] === '0' &&
    !faults.some((f) => destroyingFaults.includes(f));
  store.subscribe('pods', ({ object, previous }) => {
    if (!object.metadata.deletionTimestamp || previous?.metadata.deletionTimestamp) return;
    const evicted = object.status?.conditions?.some((c) => c.reason === 'EvictionByEvictionAPI');
    const came = Date.parse(object.metadata.creationTimestamp ?? '');
    const apart = object.spec.affinity?.podAntiAffinity;
    if (undisturbed && !apart && evicted && came > began + 30_000 && isOutdated(object.spec.nodeName))
      complain('moves twice', `${podName(object)} came onto an old node and has to leave again`);
  });

  const surge = inputs['max-surge'] ?? '1';
  /** As many more as max-surge says; one to even out zones. */
  const mostOf = (desired: number): number =>
    desired + Math.max(1, scaled(/%$/.test(surge) ? surge : Number(surge), desired, 'up'));
  const units = Object.entries(world.before.groups)
    .filter(([name]) => name !== green)
    .map(([name, { desired }]) => ({
      names: scenario.blueGreen && name === 'shop-general' ? [name, green] : [name],
      most: mostOf(desired),
    }));

  return {
    problems,
    onWrite(engine, name, args) {
      if (engine.phase !== 'all' || engine.log.some((l) => /^(Putting every setting back|Removing )/.test(l)))
        undisturbed = false;
      const [first, second] = args;
      if (name === 'remove' && first === 'pods') deletes(second as { name: string });
      if (name === 'terminate') terminates(first as string);
      if (name === 'resize') resizes(first as string, second as { desired?: number });
      if (name === 'evict') evicts(engine, first as { namespace: string; name: string });
    },
    look() {
      for (const { names, most } of units) {
        const there = names.reduce(
          (sum, n) => sum + aws.membersOf(n).filter((i) => !i.lifecycle.startsWith('Terminat')).length,
          0,
        );
        if (there > most)
          complain(
            `peak ${names}`,
            `${names.join(' and ')} has ${there} instances, at most ${most} were asked for`,
          );
      }
    },
    atLast() {
      for (const group of aws.groups.values())
        for (const { cause, description } of group.activities) {
          const [, id = ''] = /^Terminating EC2 instance: (\S+)/.exec(description) ?? [];
          const byAws = /was selected for termination|to rebalance Availability Zones/.test(cause);
          const asUnhealthy = /in response to an EC2 health check/.test(cause) && !destroyed.has(id);
          if (byAws || asUnhealthy) complain(`activity ${group.name}`, `${description}, ${cause}`);
        }
    },
  };
}
