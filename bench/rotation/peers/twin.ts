import type { Node, Pod } from '../../../src/cluster/objects.ts';
import { isOfDaemonSet } from '../../../src/cluster/pods.ts';
import { quantity } from '../../../src/cluster/quantities.ts';
import { DrainError, drain } from './kubectl-drain.ts';
import {
  cordon,
  groupOf,
  isOutdated,
  isReadyNode,
  nodesById,
  type Peer,
  type PeerWorld,
  patchNode,
} from './world.ts';

export const twinDefaults = {
  tickMs: 20_000,
  drainTimeoutMs: 5 * 60_000,
  mostNotReady: 5,
  mostNotReadyRatio: 0.11,
};

const key = 'aws-eks-asg-rolling-update-handler.twin.sh';

/**
 * TwiN's handler (main.go): every twenty seconds it looks at the group. The outdated are marked; while the new nodes have not
 * the CPU and memory for what one of them runs, desired grows by one; else that one is drained and terminated, and the tick ends.
 */
export const twin: Peer = {
  name: 'aws-eks-asg-rolling-update-handler',
  pace: 'one a tick',
  async run(world) {
    for (;;) {
      if (await tick(world)) return;
      await world.clock.sleep(twinDefaults.tickMs);
    }
  },
};

/** One look; true when nothing is left to do. */
export async function tick(world: PeerWorld): Promise<boolean> {
  const { aws } = world;
  const group = await groupOf(world);
  const nodes = await nodesById(world);
  const instances = group.instances;
  const outdated = instances.filter((i) => isOutdated(group, i) && !i.lifecycle.startsWith('Terminating'));
  if (outdated.length === 0) return true;
  if (instances.length < group.desired) return false;
  const updated = instances.filter((i) => !isOutdated(group, i));
  const ready = updated.flatMap((i) => {
    const node = nodes.get(i.id);
    return i.lifecycle === 'InService' && node && isReadyNode(node) ? [node] : [];
  });
  const notReady = updated.length - ready.length;
  const ratio = ready.length > 0 ? notReady / ready.length : notReady;
  if (notReady > twinDefaults.mostNotReady || ratio > twinDefaults.mostNotReadyRatio) return false;

  const shuffled = outdated
    .map((instance) => ({ instance, at: world.random.next() }))
    .sort((a, b) => a.at - b.at);
  for (const { instance } of shuffled) {
    const node = nodes.get(instance.id);
    if (!node) continue;
    const { name, annotations = {} } = node.metadata;
    if (!annotations[`${key}/started-at`]) {
      await annotate(world, name, 'started-at');
      continue;
    }
    if (annotations[`${key}/terminated-at`]) continue;
    if (!(await roomFor(world, node, ready))) {
      await aws.resize(world.group, { desired: (await groupOf(world)).desired + 1 });
      return false;
    }
    try {
      await cordon(world, name);
      await drain(world, name, { timeoutMs: twinDefaults.drainTimeoutMs });
    } catch (error) {
      if (error instanceof DrainError) continue;
      throw error;
    }
    await annotate(world, name, 'drained-at');
    const { desired, min } = await groupOf(world);
    await aws.terminate(instance.id, { decrement: desired !== min });
    await annotate(world, name, 'terminated-at');
    return false;
  }
  return false;
}

function annotate(world: PeerWorld, node: string, what: string): Promise<void> {
  const annotations = { [`${key}/${what}`]: new Date(world.clock.now()).toISOString() };
  return patchNode(world, node, { metadata: { annotations } });
}

/** k8s/util.go: what all new nodes have free together, CPU and memory alone, against what the old one's pods ask for. */
async function roomFor({ kubernetes }: PeerWorld, old: Node, ready: readonly Node[]): Promise<boolean> {
  const podsOf = async (node: Node): Promise<Pod[]> =>
    (await kubernetes.list('pods', { fieldSelector: `spec.nodeName=${node.metadata.name}` })).items;
  const asked = sum((await podsOf(old)).filter((p) => !isOfDaemonSet(p)));
  const free = { cpu: 0, memory: 0 };
  for (const node of ready) {
    const used = sum(await podsOf(node));
    free.cpu += quantity(node.status?.allocatable?.cpu) - used.cpu;
    free.memory += quantity(node.status?.allocatable?.memory) - used.memory;
  }
  return free.cpu >= asked.cpu && free.memory >= asked.memory;
}

function sum(pods: readonly Pod[]): { cpu: number; memory: number } {
  const total = { cpu: 0, memory: 0 };
  for (const container of pods.flatMap((p) => p.spec.containers)) {
    total.cpu += quantity(container.resources?.requests?.cpu);
    total.memory += quantity(container.resources?.requests?.memory);
  }
  return total;
}
