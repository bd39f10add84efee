import { drain } from './kubectl-drain.ts';
import { cordon, groupOf, isOutdated, isReadyNode, nodesById, type Peer, type PeerWorld } from './world.ts';

/** eksrollup/config.py. */
export const eksRollingUpdateDefaults = {
  clusterHealthWaitMs: 90_000,
  globalMaxRetry: 11,
  globalHealthWaitMs: 20_000,
  betweenNodesWaitMs: 0,
};

/**
 * hellofresh/eks-rolling-update in its first mode (eksrollup/cli.py): as many nodes are added as are outdated, all outdated ones
 * cordoned, then drained, deleted and terminated one after the other, each until EC2 says terminated.
 */
export const eksRollingUpdate: Peer = {
  name: 'eks-rolling-update',
  pace: 'always as many as are outdated',
  async run(world) {
    const { aws, clock, kubernetes } = world;
    const d = eksRollingUpdateDefaults;
    const group = await groupOf(world);
    const outdated = group.instances.filter((i) => isOutdated(group, i)).map((i) => i.id);
    const processes = ['Launch', 'ReplaceUnhealthy'];
    await aws.resume(world.group, processes);
    const wanted = group.desired + outdated.length;
    for (const key of ['desired', 'orig', 'orig-max'])
      await aws.tag(world.group, { [`eks-rolling-update:${key}_capacity`]: String(group.desired) });
    await aws.resize(world.group, { max: Math.max(group.max, wanted), desired: wanted });
    await clock.sleep(d.clusterHealthWaitMs);
    await healthy(world, wanted);

    const nodes = await nodesById(world);
    for (const id of outdated) {
      const name = nodes.get(id)?.metadata.name;
      if (name) await cordon(world, name);
    }
    await aws.suspend(world.group, processes);
    let left = wanted;
    for (const id of outdated) {
      const name = nodes.get(id)?.metadata.name ?? '';
      await drain(world, name);
      await kubernetes.remove('nodes', { name });
      left--;
      await aws.tag(world.group, { 'eks-rolling-update:desired_capacity': String(left) });
      await aws.terminate(id, { decrement: true });
      await retry(world, async () => {
        const [instance] = await aws.instances([id]);
        return !instance || instance.state === 'terminated';
      });
      await clock.sleep(d.betweenNodesWaitMs);
    }
    await aws.resize(world.group, { max: group.max, desired: group.desired });
    await aws.resume(world.group, processes);
    await aws.untag(
      world.group,
      ['desired', 'orig', 'orig-max'].map((k) => `eks-rolling-update:${k}_capacity`),
    );
  },
};

async function healthy(world: PeerWorld, wanted: number): Promise<void> {
  const { instances } = await groupOf(world);
  if (instances.length !== wanted) throw new Error('ASG healthcheck failed');
  await retry(world, async () =>
    (await groupOf(world)).instances.every((i) => i.healthy && i.lifecycle === 'InService'),
  );
  await retry(world, async () => (await nodesById(world)).size === wanted);
  await retry(world, async () => [...(await nodesById(world)).values()].every(isReadyNode));
}

/** Eleven tries, twenty seconds apart: the loops begin with one and end before twelve. */
async function retry({ clock }: PeerWorld, holds: () => Promise<boolean>): Promise<void> {
  const { globalMaxRetry, globalHealthWaitMs } = eksRollingUpdateDefaults;
  for (let n = 1; n <= globalMaxRetry; n++) {
    if (await holds()) return;
    await clock.sleep(globalHealthWaitMs);
  }
  throw new Error('Validation failed; aborting the rolling update.');
}
