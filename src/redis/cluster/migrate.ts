import type { Pod } from '../../cluster/objects.ts';
import { podName } from '../../cluster/pods.ts';
import {
  ipOf,
  isServing,
  type MigrationContext,
  MigrationStopped,
  mustLeave,
  waiting,
  waitPatiently,
} from '../context.ts';
import { parsePairs } from '../info.ts';
import { movePod } from '../move-pod.ts';
import type { RedisTarget } from '../settings.ts';
import { RedisCluster } from './cluster.ts';
import { failOverTo } from './failover.ts';
import { ensureTemporaryPod, insteadOfLabel } from './temporary-pod.ts';

const migrationOption = 'cluster-allow-replica-migration';

/**
 * Moves a Redis Cluster off the nodes that will leave, one pod at a time, each through a temporary pod that joins, takes over,
 * hands back and leaves. What to do next is read from pods and cluster, so a run that was killed goes on.
 */
export async function migrateCluster(context: MigrationContext, target: RedisTarget): Promise<void> {
  const cluster = new RedisCluster(context, target);
  try {
    for (const { metadata } of await cluster.pods()) {
      context.signal.throwIfAborted();
      const name = metadata.name;
      const pod = await present(cluster, name);
      const temporary = (await cluster.temporaryPods()).find(
        (t) => t.metadata.labels?.[insteadOfLabel] === name,
      );
      if (!mustLeave(context, pod) && !temporary) continue;
      await freezeReplicas(cluster);
      await replacePod(cluster, pod);
    }
    await thawReplicas(cluster);
  } finally {
    cluster.connections.close();
  }
}

/** The pod as it is now; after a kill it may just be on its way back. */
async function present(cluster: RedisCluster, name: string): Promise<Pod> {
  const { kubernetes } = cluster.context;
  return waitPatiently(
    async () => {
      const pod = await kubernetes.get('pods', { namespace: cluster.target.namespace, name });
      return pod && isServing(pod) ? { done: pod } : { waiting: 'it is not ready' };
    },
    waiting(cluster.context, `${cluster.target.namespace}/${name}`, 'pod', 200),
  );
}

async function replacePod(cluster: RedisCluster, pod: Pod): Promise<void> {
  let current = pod;
  if (mustLeave(cluster.context, pod)) {
    const temporary = await ensureTemporaryPod(cluster.context, pod, cluster.target);
    await join(cluster, temporary, pod);
    const self = await cluster.self(pod);
    if (self.role === 'master') await failOverTo(cluster, temporary);
    await refuseMaster(cluster, pod);
    const role = (await cluster.self(temporary)).role === 'master' ? 'master' : 'replica';
    current = await movePod(cluster.context, pod, role);
    await cluster.serves(current);
    await freezeReplicas(cluster);
  }
  await welcomeBack(cluster, current);
  const temporary = (await cluster.temporaryPods()).find(
    (t) => t.metadata.labels?.[insteadOfLabel] === pod.metadata.name,
  );
  if (!temporary) return;
  if (isServing(temporary) && (await hasSlots(cluster, temporary))) await failOverTo(cluster, current);
  await dismiss(cluster, temporary);
}

const hasSlots = async (cluster: RedisCluster, pod: Pod): Promise<boolean> =>
  (await cluster.self(pod)).slots.length > 0;

/** MEET and REPLICATE, each only if it has not happened yet. */
async function join(cluster: RedisCluster, temporary: Pod, pod: Pod): Promise<void> {
  const id = await cluster.idOf(temporary);
  const others = (await cluster.all()).filter((p) => p.metadata.uid !== temporary.metadata.uid);
  await waitPatiently(
    async () => {
      const views = await Promise.all([...others, temporary].map((p) => cluster.nodes(p)));
      const unaware = views.filter(
        (nodes) =>
          nodes.length < others.length + 1 ||
          nodes.some((n) => n.flags.includes('handshake')) ||
          !nodes.some((n) => n.id === id),
      );
      if (unaware.length === 0) return { done: true };
      const known = views[0]?.some((n) => n.ip === ipOf(temporary));
      if (!known) await cluster.call(pod, 'CLUSTER', 'MEET', ipOf(temporary), cluster.target.port);
      return { waiting: `${unaware.length} nodes do not know it yet` };
    },
    waiting(cluster.context, `${podName(temporary)} to join ${cluster.target.name}`, 'failover', 200),
  );
  const [self, shard] = [await cluster.self(temporary), await cluster.self(pod)];
  if (self.slots.length > 0) return;
  const master = shard.role === 'master' ? shard.id : shard.master;
  if (self.master !== master) await cluster.call(temporary, 'CLUSTER', 'REPLICATE', master);
  await cluster.inSync(temporary);
  await cluster.agree(
    await cluster.all(),
    `everyone in ${cluster.target.name} to know ${podName(temporary)} as a replica`,
  );
}

/** Never evict a master: its role is read again right before. */
async function refuseMaster(cluster: RedisCluster, pod: Pod): Promise<void> {
  if ((await cluster.self(pod)).role === 'master')
    throw new MigrationStopped(
      `${podName(pod)} is master again by itself; look at ${cluster.target.name} before anything is moved.`,
    );
}

/** A pod that came back has its old id and a new address: the others and it must learn that. */
async function welcomeBack(cluster: RedisCluster, pod: Pod): Promise<void> {
  const id = await cluster.idOf(pod);
  const others = (await cluster.all()).filter((p) => p.metadata.uid !== pod.metadata.uid);
  const [other] = others;
  if (!other) return;
  if ((await cluster.nodes(pod)).length === 1) {
    throw new MigrationStopped(
      `${podName(pod)} came back without its nodes.conf and knows nobody. ${cluster.target.name} serves without it; check its volume, then join it again by hand.`,
    );
  }
  await waitPatiently(
    async () => {
      const seen = await Promise.all(
        [...others, pod].map(async (p) => (await cluster.nodes(p)).find((n) => n.id === id)?.ip),
      );
      if (seen.every((ip) => ip === ipOf(pod))) return { done: true };
      await cluster.call(other, 'CLUSTER', 'MEET', ipOf(pod), cluster.target.port);
      return { waiting: `${seen.filter((ip) => ip !== ipOf(pod)).length} nodes have its old address` };
    },
    waiting(
      cluster.context,
      `${cluster.target.name} to know the new address of ${podName(pod)}`,
      'failover',
      500,
    ),
  );
  await cluster.agree(await cluster.all(), `everyone in ${cluster.target.name} to see ${podName(pod)} again`);
  if ((await cluster.self(pod)).role === 'slave') await cluster.inSync(pod);
}

/**
 * The temporary pod leaves: FORGET on every other node within seconds (each remembers it for a minute), RESET HARD on
 * itself, and the pod is deleted at once.
 */
async function dismiss(cluster: RedisCluster, temporary: Pod): Promise<void> {
  const { kubernetes, say } = cluster.context;
  const { namespace = '', name, uid = '' } = temporary.metadata;
  if (isServing(temporary)) {
    if (await hasSlots(cluster, temporary))
      throw new MigrationStopped(`${podName(temporary)} still serves slots; it cannot leave.`);
    const id = await cluster.idOf(temporary);
    for (const pod of (await cluster.pods()).filter(isServing)) {
      await cluster.call(pod, 'CLUSTER', 'FORGET', id).catch((error) => {
        // Forgotten by an earlier process already.
        if (!/Unknown node/.test(String(error))) throw error;
      });
    }
    await cluster.call(temporary, 'CLUSTER', 'RESET', 'HARD');
  }
  await kubernetes.remove('pods', { namespace, name }, { uid, gracePeriodSeconds: 1 });
  await waitPatiently(
    async () =>
      (await kubernetes.get('pods', { namespace, name })) ? { waiting: 'it is terminating' } : { done: true },
    waiting(cluster.context, `the temporary pod ${podName(temporary)} to be gone`, 'pod', 150),
  );
  await cluster.agree(
    await cluster.all(),
    `everyone in ${cluster.target.name} to have forgotten ${podName(temporary)}`,
  );
  say(`${podName(temporary)} has left ${cluster.target.name}.`);
}

const optionKey = ({ target }: RedisCluster): string =>
  `redis/${target.namespace}/${target.name}/${migrationOption}`;

/** Without this a replica may move to a shard that lost its own in the middle of our work. */
async function freezeReplicas(cluster: RedisCluster): Promise<void> {
  const pods = await cluster.all();
  const [first] = pods;
  if (!first) return;
  await cluster.context.journal.before(
    optionKey(cluster),
    parsePairs(await cluster.call(first, 'CONFIG', 'GET', migrationOption))[migrationOption] ?? 'yes',
  );
  for (const pod of pods) await cluster.call(pod, 'CONFIG', 'SET', migrationOption, 'no');
}

async function thawReplicas(cluster: RedisCluster): Promise<void> {
  const value = cluster.context.journal.valueBefore(optionKey(cluster));
  if (value === undefined) return;
  for (const pod of await cluster.all())
    await cluster.call(pod, 'CONFIG', 'SET', migrationOption, String(value));
  await cluster.context.journal.restored(optionKey(cluster));
}
