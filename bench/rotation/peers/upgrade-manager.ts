import { drain } from './kubectl-drain.ts';
import { cordon, groupOf, isOutdated, isReadyNode, nodesById, type Peer, type PeerWorld } from './world.ts';

export const upgradeManagerDefaults = {
  reconcileMs: 30_000,
  drainTimeoutMs: 900_000,
  /** How many instances one EnterStandby takes. */
  standbyChunk: 19,
};

/**
 * keikoproj/upgrade-manager, strategy eager (controllers/upgrade.go): a batch of maxUnavailable goes on standby, the group
 * launches as many; when those are in service and ready the batch is drained in parallel and terminated. A reconciliation of
 * thirty seconds lies between any two of these steps.
 */
export const upgradeManager: Peer = {
  name: 'upgrade-manager (eager)',
  pace: 'maxUnavailable',
  async run(world) {
    let batch: string[] = [];
    for (;;) {
      batch = await reconcile(world, batch);
      if (batch.length === 0 && !(await drifted(world))) return;
      await world.clock.sleep(upgradeManagerDefaults.reconcileMs);
    }
  },
};

async function drifted(world: PeerWorld): Promise<boolean> {
  const group = await groupOf(world);
  return group.instances.some((i) => isOutdated(group, i) && !i.lifecycle.startsWith('Terminating'));
}

/** One reconciliation of the batch in progress, or the begin of the next. Returns what is still in progress. */
export async function reconcile(world: PeerWorld, inProgress: readonly string[]): Promise<string[]> {
  const { aws } = world;
  const group = await groupOf(world);
  const nodes = await nodesById(world);
  const left = group.instances.filter((i) => isOutdated(group, i) && !i.lifecycle.startsWith('Terminating'));
  const batch = inProgress.length > 0 ? [...inProgress] : left.slice(0, world.atOnce).map((i) => i.id);
  if (batch.length === 0) return [];
  const serving = group.instances.filter((i) => batch.includes(i.id) && i.lifecycle === 'InService');
  if (serving.length > 0) {
    for (const { id } of serving) await aws.tag(world.group, { 'upgrademgr.keikoproj.io/state': id });
    const { standbyChunk } = upgradeManagerDefaults;
    for (let at = 0; at < serving.length; at += standbyChunk)
      await aws.enterStandby(serving.slice(at, at + standbyChunk).map((i) => i.id));
    return batch;
  }
  const inService = group.instances.filter((i) => i.lifecycle === 'InService');
  if (inService.length !== group.desired || !inService.every((i) => isReadyNode(nodes.get(i.id))))
    return batch;
  await Promise.all(
    batch.map(async (id) => {
      const name = nodes.get(id)?.metadata.name;
      if (!name) return;
      await cordon(world, name);
      await drain(world, name, { timeoutMs: upgradeManagerDefaults.drainTimeoutMs });
    }),
  );
  // The drains are polled: what they came to is seen by the next reconciliation.
  await world.clock.sleep(upgradeManagerDefaults.reconcileMs);
  for (const id of batch) {
    await aws.terminate(id, { decrement: false });
    await aws.untag(world.group, ['upgrademgr.keikoproj.io/state']);
  }
  return [];
}
