import type { Pod } from '../../cluster/objects.ts';
import { podName } from '../../cluster/pods.ts';
import { messageOf } from '../../text.ts';
import { type MigrationContext, MigrationStopped, mustLeave, waiting, waitPatiently } from '../context.ts';
import { movePod, wholeAgain } from '../move-pod.ts';
import type { RedisTarget } from '../settings.ts';
import { adoptStrays } from './demote.ts';
import { failOver } from './failover.ts';
import { configOf, putBack } from './fence.ts';
import { forgetGhosts, whenCalm } from './ghosts.ts';
import { type DataPod, lagging, mastersOf, notInSync, SentinelSet } from './set.ts';

/**
 * Moves a Sentinel-guarded set off the nodes that will leave: replicas one by one, then the master through a failover to a
 * moved replica and back, then the Sentinels one by one. Each step looks at the set as it is, so a run that was killed goes on.
 */
export async function migrateSentinelSet(context: MigrationContext, target: RedisTarget): Promise<void> {
  const set = new SentinelSet(context, target);
  try {
    if (await isDone(set)) return;
    await wholeAgain(
      context,
      target.name,
      () => set.dataPods(),
      () => adoptStrays(set),
    );
    await wholeAgain(context, target.name, () => set.sentinelPods());
    await adoptStrays(set);
    await whenCalm(set);
    await putBack(set);
    await waitForSync(set);
    const original = await originalMaster(set);
    await moveReplicas(set);
    await moveMaster(set, original);
    await moveSentinels(set);
    await forgetGhosts(set);
    await putBack(set);
    await context.journal.note(noteOf(target), null);
  } finally {
    // Usually nothing is left to put back.
    await putBack(set).catch((error) =>
      context.say(`Some settings of ${target.name} are not back yet: ${messageOf(error)}`),
    );
    set.connections.close();
  }
}

/** Nothing has to leave, nothing was left half-done by a process that was killed. */
async function isDone(set: SentinelSet): Promise<boolean> {
  const { context, target } = set;
  const pods = [...(await set.dataPods()), ...(await set.sentinelPods())];
  const begun = typeof context.journal.noted(noteOf(target)) === 'string';
  return !begun && !pods.some((pod) => mustLeave(context, pod));
}

const noteOf = (target: RedisTarget): string => `redis-master/${target.namespace}/${target.name}`;

/** The pod that was master when the migration began; it is noted until the migration has ended. */
async function originalMaster(set: SentinelSet): Promise<string> {
  const { journal } = set.context;
  const noted = journal.noted(noteOf(set.target));
  if (typeof noted === 'string') return noted;
  const { name } = (await masterOf(set)).pod.metadata;
  await journal.note(noteOf(set.target), name);
  return name;
}

async function masterOf(set: SentinelSet): Promise<DataPod> {
  const masters = mastersOf({ members: await set.members() });
  const [master] = masters;
  if (masters.length !== 1 || !master)
    throw new MigrationStopped(
      `${set.target.name} has ${masters.length} masters; look at its pods before anything is moved.`,
    );
  return master;
}

async function moveReplicas(set: SentinelSet): Promise<void> {
  const { context } = set;
  const master = await masterOf(set);
  const leaving = (await set.members()).filter(
    (m) => m.pod.metadata.uid !== master.pod.metadata.uid && mustLeave(context, m.pod),
  );
  if (leaving.length > 0) await refuseBusyFence(set, master);
  for (const { pod } of leaving) await moveReplica(set, pod, 'replica');
  if (leaving.length > 0) await forgetGhosts(set);
}

/** It may come back as a master, when it was one before or its configuration says so. */
async function moveReplica(set: SentinelSet, pod: Pod, role: 'replica' | 'former master'): Promise<void> {
  set.context.signal.throwIfAborted();
  await refuseMaster(set, pod.metadata.name);
  await movePod(set.context, pod, role, () => adoptStrays(set));
  await adoptStrays(set);
  await waitForSync(set);
}

/** While a replica is away, a master that wants all of them refuses writes. */
async function refuseBusyFence(set: SentinelSet, master: DataPod): Promise<void> {
  const wanted = Number(await configOf(set, master, 'min-replicas-to-write'));
  const left = master.replication.onlineReplicas - 1;
  if (left >= wanted) return;
  throw new Error(
    `${podName(master.pod)} takes writes only with ${wanted} replicas (min-replicas-to-write), and ${left} would be left while one moves. Add a replica, or lower it for the time of the migration, then run the workflow again.`,
  );
}

/** The master leaves by failing over to a replica that is already on a new node; then it is a replica like any other. */
async function moveMaster(set: SentinelSet, original: string): Promise<void> {
  const { context, target } = set;
  const master = await masterOf(set);
  if (mustLeave(context, master.pod)) {
    const candidate = (await set.members()).find(
      (m) => !mustLeave(context, m.pod) && !notInSync(m, master) && m.replication.priority !== 0,
    );
    if (!candidate)
      throw new Error(
        `${target.name} has no replica in sync on a node that stays and may become master (replica-priority above 0), so its master ${podName(master.pod)} cannot leave. Add a replica, then run the workflow again.`,
      );
    await failOver(set, master.pod.metadata.name, candidate.pod.metadata.name);
  }
  const old = (await set.members()).find((m) => m.pod.metadata.name === original);
  if (old && mustLeave(context, old.pod)) await moveReplica(set, old.pod, 'former master');
  const now = await masterOf(set);
  context.signal.throwIfAborted();
  if (context.failBack && now.pod.metadata.name !== original)
    await failOver(set, now.pod.metadata.name, original);
}

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
      const late = lagging(await set.look());
      return late.length === 0 ? { done: true } : { waiting: late.join('; ') };
    },
    waiting(set.context, `the replicas of ${set.target.name} to be in sync`, 'sync', 150),
  );
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
