import type { GroupInstance } from '../../../src/cluster/ports.ts';
import { drain } from './kubectl-drain.ts';
import {
  cordon,
  excludeFromBalancers,
  groupOf,
  isOutdated,
  isReadyNode,
  nodesById,
  type Peer,
  type PeerWorld,
} from './world.ts';

/** https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html */
export const managedNodeGroupDefaults = {
  /** The surge is twice the number of zones, or maxUnavailable when that is more. */
  nodesPerZone: 2,
  pollMs: 10_000,
  evictTimeoutMs: 15 * 60_000,
  afterDrainMs: 60_000,
};

/**
 * The update of an EKS managed node group, in its documented phases: scale up; mark the old nodes; drain up to maxUnavailable at
 * a time, wait a minute, have the group terminate them and launch others; scale down one by one.
 */
export const managedNodeGroup: Peer = {
  name: 'EKS managed node group',
  pace: 'maxUnavailable; surge of 2 x zones at least',
  async run(world) {
    const { aws } = world;
    const d = managedNodeGroupDefaults;
    // Its hook drains what AZRebalance would take; here nothing is taken.
    await aws.suspend(world.group, ['AZRebalance']);
    const before = await groupOf(world);
    const surge = Math.max(d.nodesPerZone * before.zones.length, world.atOnce);
    await aws.resize(world.group, {
      max: Math.max(before.max, before.desired + surge),
      desired: before.desired + surge,
    });
    await allReady(world);

    const nodes = await nodesById(world);
    const old = before.instances.filter((i) => isOutdated(before, i)).map((i) => i.id);
    for (const id of old) {
      const name = nodes.get(id)?.metadata.name;
      if (!name) continue;
      await cordon(world, name);
      await excludeFromBalancers(world, name);
    }
    const queue = [...old];
    while (queue.length > 0) {
      const picked = Array.from({ length: Math.min(world.atOnce, queue.length) }, () => {
        const [one = ''] = queue.splice(Math.floor(world.random.next() * queue.length), 1);
        return one;
      });
      await Promise.all(picked.map((id) => remove(world, id, false)));
      await allReady(world);
    }

    for (let n = 0; n < surge; n++) {
      const id = victim((await groupOf(world)).instances);
      await remove(world, id, true);
      await gone(world, id);
    }
    await aws.resize(world.group, { max: before.max });
    await aws.resume(world.group, ['AZRebalance']);
  },
};

/** The group chooses: where its zones have most. Its termination hook drains whom it chooses. */
function victim(instances: readonly GroupInstance[]): string {
  const serving = instances.filter((i) => i.lifecycle === 'InService');
  const inZone = (zone: string): number => serving.filter((i) => i.zone === zone).length;
  return [...serving].sort((a, b) => inZone(b.zone) - inZone(a.zone))[0]?.id ?? '';
}

async function remove(world: PeerWorld, id: string, decrement: boolean): Promise<void> {
  const d = managedNodeGroupDefaults;
  const name = (await nodesById(world)).get(id)?.metadata.name;
  if (name) {
    await cordon(world, name);
    await drain(world, name, { timeoutMs: d.evictTimeoutMs });
  }
  await world.clock.sleep(d.afterDrainMs);
  await world.aws.terminate(id, { decrement });
}

async function allReady(world: PeerWorld): Promise<void> {
  for (;;) {
    const group = await groupOf(world);
    const nodes = await nodesById(world);
    const there = group.instances.filter((i) => i.lifecycle === 'InService' && isReadyNode(nodes.get(i.id)));
    if (there.length >= group.desired) return;
    await world.clock.sleep(managedNodeGroupDefaults.pollMs);
  }
}

async function gone(world: PeerWorld, id: string): Promise<void> {
  while ((await groupOf(world)).instances.some((i) => i.id === id))
    await world.clock.sleep(managedNodeGroupDefaults.pollMs);
}
