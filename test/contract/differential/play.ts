import { nodeReady } from '../../../src/cluster/members.ts';
import type { Node, Pod, Taint } from '../../../src/cluster/objects.ts';
import type { Kubernetes, Patch } from '../../../src/cluster/ports.ts';
import { service } from '../../../src/rehearsal/scenario/objects.ts';
import { calm, defaultPatience, type Patience } from './calm.ts';
import type { PlayedCluster } from './cluster.ts';
import { type EndState, endState } from './end-state.ts';
import { broken, selectedBy, unjustified } from './invariants.ts';
import { type Action, type Chosen, described } from './random-play.ts';
import { maintenance, type Workload, type World } from './random-world.ts';
import { appOf, type View } from './view.ts';

/** What an action brought about, once the world was calm again. */
export interface Scene {
  action: string;
  /** Of the API, per pod or per workload, sorted. */
  answers: string[];
  state: EndState;
  /** Invariants of Kubernetes that did not hold. */
  broken: string[];
}

/** Plays every action, waiting for calm after each; leaves nothing behind in the cluster. */
export async function play(
  cluster: PlayedCluster,
  world: World,
  actions: readonly Action[],
  patience: Patience = defaultPatience,
): Promise<Scene[]> {
  const uneven = new Set<string>();
  const scenes: Scene[] = [];
  try {
    await create(cluster, world, patience);
    let view = await calm(cluster, world, patience);
    scenes.push({
      action: 'create the world',
      answers: [],
      state: endState(view, world, uneven),
      broken: broken(view, undefined, world, uneven),
    });
    for (const action of actions) {
      for (const name of madeUneven(action, world)) uneven.add(name);
      const before = view;
      const { answers, accepted } = await perform(action, cluster, world, before);
      view = await calm(cluster, world, patience);
      scenes.push({
        action: described(action),
        answers: answers.sort(),
        state: endState(view, world, uneven),
        broken: [...unjustified(accepted, before), ...broken(view, before, world, uneven)],
      });
    }
  } finally {
    await remove(cluster, world);
  }
  return scenes;
}

async function create(
  { kubernetes, boot, pause }: PlayedCluster,
  world: World,
  patience: Patience,
): Promise<void> {
  await kubernetes.create('namespaces', { metadata: { name: world.name } });
  for (const machine of world.machines) await boot(machine);
  const usable = (node: Node): boolean =>
    nodeReady(node) && !(node.spec.taints ?? []).some((t) => t.key.startsWith('node.kubernetes.io/'));
  for (let waited = 0; ; waited += patience.pollMs) {
    const { items } = await kubernetes.list('nodes', { labelSelector: `world=${world.name}` });
    if (items.filter(usable).length === world.machines.length) break;
    if (waited > patience.limitMs) throw new Error(`The nodes of ${world.name} did not become ready.`);
    await pause(patience.pollMs);
  }
  for (const budget of world.budgets) await kubernetes.create('poddisruptionbudgets', budget);
  for (const { name, manifest } of world.workloads) {
    const { object } = service({ namespace: world.name, name, port: 80 });
    await kubernetes.create('services', object as never);
    await kubernetes.create(manifest.resource, manifest.object as never);
  }
}

async function remove({ kubernetes, halt, pause }: PlayedCluster, world: World): Promise<void> {
  const namespace = world.name;
  for (const { resource, name } of world.workloads) {
    await kubernetes.remove(resource, { namespace, name });
    await kubernetes.remove('services', { namespace, name });
  }
  for (const { metadata } of world.budgets) await kubernetes.remove('poddisruptionbudgets', metadata);
  for (let i = 0; i < 60; i++) {
    if ((await kubernetes.list('pods', { namespace })).items.length === 0) break;
    await pause(1000);
  }
  for (const { instanceId, privateDnsName } of world.machines) {
    await halt(instanceId);
    await kubernetes.remove('nodes', { name: privateDnsName });
  }
  await kubernetes.remove('namespaces', { name: namespace });
}

/** The workloads whose pods are from now on spread over nodes by somebody's free choice. */
function madeUneven(action: Action, { workloads }: World): string[] {
  const is = (w: Workload, ...how: Workload['placement']['how'][]) => how.includes(w.placement.how);
  if (action.do === 'lose node') return workloads.filter((w) => is(w, 'spread')).map((w) => w.name);
  if (action.do !== 'change template') return [];
  return workloads.filter((w) => w.name === action.workload && is(w, 'spread', 'filling')).map((w) => w.name);
}

interface Outcome {
  answers: string[];
  accepted: Pod[];
}

async function perform(action: Action, cluster: PlayedCluster, world: World, view: View): Promise<Outcome> {
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
