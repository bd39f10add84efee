import { isReady } from '../../../src/cluster/pods.ts';
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
  patchNode,
} from './world.ts';

/** cmd/kops/rolling-update_cluster.go, InitDefaults. */
export const kopsDefaults = {
  validateCount: 2,
  validateSuccessMs: 10_000,
  validateTickMs: 30_000,
  validationTimeoutMs: 15 * 60_000,
  drainTimeoutMs: 15 * 60_000,
  evictRetryMs: 5000,
  postDrainMs: 5000,
  nodeIntervalMs: 15_000,
};

/**
 * kops rolling-update, one group of nodes (pkg/instancegroups/instancegroups.go): validate; taint all that need an update;
 * detach the surge, the first alone when nothing runs the new configuration yet; then drain, terminate in EC2 and wait, as
 * many at once as the surge; after each completion the cluster is validated twice before the next begins.
 */
export const kops: Peer = {
  name: 'kops rolling-update',
  pace: 'maxSurge',
  async run(world) {
    const { aws, clock } = world;
    const d = kopsDefaults;
    await validate(world, 1);
    const group = await groupOf(world);
    const nodes = await nodesById(world);
    const update = group.instances.filter((i) => isOutdated(group, i)).map((i) => i.id);
    let noneReady = update.length === group.instances.length;
    for (const id of update) {
      const node = nodes.get(id);
      if (!node) continue;
      const taints = [
        ...(node.spec.taints ?? []),
        { key: 'kops.k8s.io/scheduled-for-update', effect: 'PreferNoSchedule' as const },
      ];
      await patchNode(world, node.metadata.name, { spec: { taints } });
    }
    const surge = Math.min(world.atOnce, update.length);
    for (let n = 1; n <= surge; n++) {
      const id = update[update.length - n] as string;
      // It is tagged first, so that a run that dies finds it again.
      await aws.tag(world.group, { 'kops.k8s.io/detached-from-asg': id });
      await aws.detach(id);
      if (n !== surge && !noneReady) continue;
      await clock.sleep(d.nodeIntervalMs);
      await validate(world, d.validateCount);
      noneReady = false;
    }

    const replaceOne = async (id: string) => {
      const name = nodes.get(id)?.metadata.name;
      if (name) {
        await cordon(world, name);
        await excludeFromBalancers(world, name);
        await drain(world, name, { timeoutMs: d.drainTimeoutMs, retryMs: d.evictRetryMs });
        await clock.sleep(d.postDrainMs);
      }
      await aws.terminateInEc2(id);
      await clock.sleep(d.nodeIntervalMs);
    };
    const running = new Set<Promise<void>>();
    const completions: Promise<void>[] = [];
    const start = (id: string) => {
      const one = replaceOne(id).finally(() => {
        running.delete(one);
        completions.push(one);
      });
      // It is waited for, and its error thrown, when its completion is swept up.
      one.catch(() => {});
      running.add(one);
    };
    /** One completion at least, and all that came with it: `sweep up as many completions as we can`. */
    const complete = async () => {
      if (completions.length === 0) await Promise.race(running).catch(() => {});
      await Promise.all(completions.splice(0));
    };
    for (const id of update) {
      start(id);
      if (running.size + completions.length < surge) continue;
      await complete();
      await validate(world, d.validateCount);
    }
    if (running.size + completions.length === 0) return;
    while (running.size + completions.length > 0) await complete();
    await validate(world, d.validateCount);
  },
};

/** Validates until it succeeds so many times in a row (rollingupdate's validateClusterWithTimeout). */
async function validate(world: PeerWorld, count: number): Promise<void> {
  const { clock } = world;
  const end = clock.now() + kopsDefaults.validationTimeoutMs;
  for (let successes = 0; ; ) {
    const failure = await failureOf(world);
    if (!failure) {
      successes++;
      if (successes >= count) return;
      await clock.sleep(kopsDefaults.validateSuccessMs);
      continue;
    }
    if (clock.now() > end) throw new Error(`cluster did not validate within a duration of 15m: ${failure}`);
    successes = 0;
    await clock.sleep(kopsDefaults.validateTickMs);
  }
}

/** pkg/validation/validate_cluster.go: enough instances, all of them ready nodes, critical pods ready. */
async function failureOf(world: PeerWorld): Promise<string | undefined> {
  const group = await groupOf(world);
  const nodes = await nodesById(world);
  const pods = (await world.kubernetes.list('pods')).items;
  const present = group.instances.filter((i) => !i.lifecycle.startsWith('Terminating'));
  if (present.length < group.desired)
    return `InstanceGroup "${world.group}" did not have enough nodes ${present.length} vs ${group.desired}`;
  for (const { id } of present) {
    const node = nodes.get(id);
    if (!node) return `machine "${id}" has not yet joined cluster`;
    if (!isReadyNode(node)) return `node "${node.metadata.name}" is not ready`;
  }
  const unready = pods.find(
    (p) => /^system-(node|cluster)-critical$/.test(p.spec.priorityClassName ?? '') && !isReady(p),
  );
  return unready && `system-critical pod "${unready.metadata.name}" is not ready`;
}
