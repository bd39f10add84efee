import type { Pod, Taint } from '../../../src/cluster/objects.ts';
import type { Kubernetes, Patch } from '../../../src/cluster/ports.ts';
import type { PlayedCluster } from './cluster.ts';
import { selectedBy } from './invariants.ts';
import type { Action, Chosen } from './random-play.ts';
import { appOf, type View } from './view.ts';
import { maintenance, type World } from './world.ts';

export interface Outcome {
  /** Per pod, by names that mean the same in every cluster. */
  answers: string[];
  /** The pods whose eviction was accepted. */
  accepted: Pod[];
}

/** Does it, to the pods that the view shows. */
export async function perform(
  action: Action,
  cluster: PlayedCluster,
  world: World,
  view: View,
): Promise<Outcome> {
  const { kubernetes } = cluster;
  const namespace = world.name;
  const machineOf = (slot: string) => {
    const machine = world.machines.find((m) => m.labels.slot === slot);
    if (!machine) throw new Error(`World ${world.name} has no machine ${slot}.`);
    return machine;
  };
  const patch = (workload: string, body: object): Promise<unknown> => {
    const resource = world.workloads.find((w) => w.name === workload)?.resource ?? 'deployments';
    return kubernetes.patch(resource, { namespace, name: workload }, { type: 'merge', body });
  };
  const silent: Outcome = { answers: [], accepted: [] };
  switch (action.do) {
    case 'cordon':
    case 'uncordon': {
      const unschedulable = action.do === 'cordon' ? true : null;
      const change: Patch = { type: 'merge', body: { spec: { unschedulable } } };
      await kubernetes.patch('nodes', { name: machineOf(action.slot).privateDnsName }, change);
      return silent;
    }
    case 'taint':
      await changeTaints(kubernetes, machineOf(action.slot).privateDnsName, (others) => [
        ...others,
        ...action.effects.map((effect) => ({ key: maintenance, effect })),
      ]);
      return silent;
    case 'untaint':
      await changeTaints(kubernetes, machineOf(action.slot).privateDnsName, (others) => others);
      return silent;
    case 'lose node': {
      const { instanceId, privateDnsName } = machineOf(action.slot);
      await cluster.halt(instanceId);
      await kubernetes.remove('nodes', { name: privateDnsName });
      return silent;
    }
    case 'scale':
      await patch(action.workload, { spec: { replicas: action.replicas } });
      return silent;
    case 'change template':
      await patch(action.workload, { spec: { template: newTemplate(action) } });
      return silent;
    case 'delete budget':
      await kubernetes.remove('poddisruptionbudgets', { namespace, name: action.budget });
      return silent;
    case 'delete': {
      const answers: string[] = [];
      for (const pod of chosen(action.pods, world, view)) {
        const { uid = '' } = pod.metadata;
        const there = await kubernetes.remove('pods', pod.metadata, {
          uid,
          gracePeriodSeconds: action.graceSeconds,
        });
        answers.push(`${labelOf(pod, world)} ${there ? 'deleted' : 'gone'}`);
      }
      return { answers, accepted: [] };
    }
    case 'evict':
      return evict(kubernetes, chosen(action.pods, world, view), world, view);
    case 'evict pending': {
      const pending = view.pods.filter((p) => appOf(p) === action.workload && !p.spec.nodeName);
      return evict(kubernetes, pending.slice(0, 1), world, view);
    }
    case 'evict from node': {
      const outcomes: Outcome[] = [];
      for (const workload of world.workloads) {
        if (workload.placement.how === 'anywhere') continue;
        const all = { workload: workload.name, slot: action.slot, count: view.pods.length, last: false };
        outcomes.push(await evict(kubernetes, chosen(all, world, view), world, view));
      }
      return {
        answers: outcomes.flatMap((o) => o.answers),
        accepted: outcomes.flatMap((o) => o.accepted),
      };
    }
  }
}

async function changeTaints(
  kubernetes: Kubernetes,
  name: string,
  change: (others: Taint[]) => Taint[],
): Promise<void> {
  const node = await kubernetes.get('nodes', { name });
  const taints = change((node?.spec.taints ?? []).filter((t) => t.key !== maintenance));
  await kubernetes.patch('nodes', { name }, { type: 'merge', body: { spec: { taints } } });
}

const newTemplate = ({ color, nowhere }: { color: string; nowhere: boolean }): object => ({
  metadata: { annotations: { color } },
  ...(nowhere ? { spec: { nodeSelector: { slot: 'nowhere' } } } : {}),
});

function chosen({ workload, slot, count, last }: Chosen, world: World, view: View): Pod[] {
  const node = world.machines.find((m) => m.labels.slot === slot)?.privateDnsName;
  const running = view.pods.filter(
    (p) => appOf(p) === workload && p.spec.nodeName && (!slot || p.spec.nodeName === node),
  );
  return (last ? running.reverse() : running).slice(0, count);
}

/** Only a StatefulSet's pods have names that mean the same in every cluster. */
function labelOf(pod: Pod, world: World): string {
  const workload = world.workloads.find((w) => w.name === appOf(pod));
  return workload?.resource === 'statefulsets' ? pod.metadata.name : appOf(pod);
}

/**
 * Evicts in the way that leaves nothing to chance. Under no budget, or two, all pods go at once. Under one they take turns,
 * because a conflict over it makes the API server wait, and only a few, so that the first is not replaced before the last was
 * asked for. Of ordinals only one: who gets the last permission would matter.
 */
async function evict(kubernetes: Kubernetes, pods: Pod[], world: World, view: View): Promise<Outcome> {
  const one = async (pod: Pod) => {
    const { namespace = '', name, uid = '' } = pod.metadata;
    return { pod, answer: await kubernetes.evict({ namespace, name, uid }) };
  };
  const results: Awaited<ReturnType<typeof one>>[] = [];
  const [first] = pods;
  const budgets = first ? view.poddisruptionbudgets.filter((b) => selectedBy(b, [first]).length > 0) : [];
  if (first && budgets.length === 1) {
    for (const pod of pods.slice(0, labelOf(first, world) === first.metadata.name ? 1 : 3))
      results.push(await one(pod));
  } else results.push(...(await Promise.all(pods.map(one))));
  return {
    answers: results.map(({ pod, answer }) => {
      const more = answer.kind === 'refused' ? ` with ${answer.status}` : '';
      return `${labelOf(pod, world)} ${answer.kind}${more}`;
    }),
    accepted: results.filter((r) => r.answer.kind === 'accepted').map((r) => r.pod),
  };
}
