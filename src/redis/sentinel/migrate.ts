import { podName } from '../../cluster/pods.ts';
import {
  ipOf,
  type MigrationContext,
  MigrationStopped,
  mustLeave,
  waiting,
  waitPatiently,
} from '../context.ts';
import { movePod } from '../move-pod.ts';
import type { RedisTarget } from '../settings.ts';
import { failOver, restorePriorities } from './failover.ts';
import { forgetGhosts, whenCalm } from './ghosts.ts';
import { type DataPod, notInSync, SentinelSet } from './set.ts';

/**
 * Moves a Sentinel-guarded set off the nodes that will leave: replicas one by one, then the master through a failover to a
 * moved replica and back, then the Sentinels one by one. Each step looks at the set as it is, so a run that was killed goes on.
 */
export async function migrateSentinelSet(context: MigrationContext, target: RedisTarget): Promise<void> {
  const set = new SentinelSet(context, target);
  try {
    if (![...(await set.dataPods()), ...(await set.sentinelPods())].some((pod) => mustLeave(context, pod))) {
      await restorePriorities(set);
      return;
    }
    await adoptEmptyMaster(set);
    await whenCalm(set);
    await moveReplicas(set);
    await moveMaster(set);
    await restorePriorities(set);
    await moveSentinels(set);
    await forgetGhosts(set);
  } finally {
    set.connections.close();
  }
}

async function masterOf(set: SentinelSet): Promise<DataPod> {
  const masters = (await set.members()).filter((m) => m.replication.role === 'master');
  const [master] = masters;
  if (masters.length !== 1 || !master)
    throw new MigrationStopped(
      `${set.target.name} has ${masters.length} masters; look at its pods before anything is moved.`,
    );
  return master;
}

async function moveReplicas(set: SentinelSet): Promise<void> {
  const master = await masterOf(set);
  for (const { pod } of (await set.members()).filter((m) => m.pod.metadata.uid !== master.pod.metadata.uid)) {
    if (!mustLeave(set.context, pod)) continue;
    set.context.signal.throwIfAborted();
    await refuseMaster(set, pod.metadata.name);
    await movePod(set.context, pod, 'replica');
    await waitForSync(set);
  }
}

/** The master leaves by failing over to a replica that is already on a new node; then it is a replica like any other. */
async function moveMaster(set: SentinelSet): Promise<void> {
  const { context } = set;
  const master = await masterOf(set);
  const original = (context.journal.noted(noteOf(set)) as string | undefined) ?? master.pod.metadata.name;
  if (mustLeave(context, master.pod)) {
    await context.journal.note(noteOf(set), original);
    const candidate = (await set.members()).find(
      (m) => m.replication.role === 'slave' && !mustLeave(context, m.pod) && !notInSync(m, master),
    );
    if (!candidate)
      throw new Error(
        `${set.target.name} has no replica in sync on a node that stays, so its master ${podName(master.pod)} cannot leave. Add a replica, then run the workflow again.`,
      );
    await failOver(set, master.pod.metadata.name, candidate.pod.metadata.name);
  }
  const old = (await set.members()).find((m) => m.pod.metadata.name === original);
  if (old && mustLeave(context, old.pod)) {
    await refuseMaster(set, original);
    await movePod(context, old.pod, 'former master');
    await adoptEmptyMaster(set);
    await waitForSync(set);
  }
  const now = await masterOf(set);
  if (context.failBack && now.pod.metadata.name !== original)
    await failOver(set, now.pod.metadata.name, original);
}

const noteOf = (set: SentinelSet): string => `redis-master/${set.target.namespace}/${set.target.name}`;

/** Never evict a master: its role is read again right before. */
async function refuseMaster(set: SentinelSet, name: string): Promise<void> {
  const member = (await set.members()).find((m) => m.pod.metadata.name === name);
  if (member?.replication.role === 'master')
    throw new MigrationStopped(
      `${podName(member.pod)} became master by itself; look at ${set.target.name} before anything is moved.`,
    );
}

async function waitForSync(set: SentinelSet): Promise<void> {
  await waitPatiently(
    async () => {
      const [members, pods] = await Promise.all([set.members(), set.dataPods()]);
      const master = members.find((m) => m.replication.role === 'master');
      const missing = pods.length - members.length;
      const late = master
        ? members.flatMap((m) => (m === master ? [] : (notInSync(m, master) ?? [])))
        : ['there is no master'];
      if (missing > 0) late.push(`${missing} pods are not ready`);
      return late.length === 0 ? { done: true } : { waiting: late.join('; ') };
    },
    waiting(set.context, `the replicas of ${set.target.name} to be in sync`, 'sync', 150),
  );
}

/**
 * A former master that starts without knowing the Sentinels comes back as an empty master. It must follow the real one at
 * once, before a client finds it.
 */
async function adoptEmptyMaster(set: SentinelSet): Promise<void> {
  const members = await set.members();
  const masters = members.filter((m) => m.replication.role === 'master');
  if (masters.length < 2) return;
  const named = (await set.opinions()).map((o) => o.master);
  const real = masters.find((m) => named.length > 0 && named.every((ip) => ip === ipOf(m.pod)));
  const stray = masters.filter((m) => m !== real);
  if (!real)
    throw new MigrationStopped(
      `${masters.map((m) => podName(m.pod)).join(' and ')} are both masters, and the Sentinels do not agree which one is right. Look at them before anything is moved.`,
    );
  for (const { pod, replication } of stray) {
    const keys = Number(await set.data(pod, 'DBSIZE'));
    if (keys > 0 || replication.connectedReplicas > 0) {
      throw new MigrationStopped(
        `${podName(pod)} is a second master with ${keys} keys. Keep a copy of them, then make it follow ${podName(real.pod)} by hand.`,
      );
    }
    await set.data(pod, 'REPLICAOF', ipOf(real.pod), set.target.port);
    set.context.say(`${podName(pod)} came back as an empty master and follows ${podName(real.pod)} now.`);
  }
}

async function moveSentinels(set: SentinelSet): Promise<void> {
  for (const { metadata } of await set.sentinelPods()) {
    const pod = (await set.sentinelPods()).find((p) => p.metadata.name === metadata.name);
    if (!pod || !mustLeave(set.context, pod)) continue;
    set.context.signal.throwIfAborted();
    await movePod(set.context, pod, 'Sentinel');
    await whenCalm(set);
  }
}
