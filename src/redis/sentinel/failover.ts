import { podName } from '../../cluster/pods.ts';
import { messageOf } from '../../text.ts';
import { ConnectionBroken, ipOf, MigrationStopped, waiting, waitPatiently } from '../context.ts';
import { parsePairs } from '../info.ts';
import { type DataPod, disturbances, notInSync, type SentinelSet } from './set.ts';

const pollMs = 100;
const longestPauseMs = 8000;
const shortestPauseMs = 4000;
/** The pause must end well before the Sentinels would call the paused master down. */
const pauseMarginMs = 3000;
const catchUpMs = 2000;
const neutralPriority = 100;

/**
 * Hands the master role from one pod to another without losing an acknowledged write: steer, fence, pause writes, wait for
 * equal offsets, SENTINEL FAILOVER, prove that nothing diverged, then turn the old master and its clients over.
 * @throws Error when a pre-check fails or it was called off before the switch (nothing has changed then), MigrationStopped
 * when a person must look.
 */
export async function failOver(set: SentinelSet, fromName: string, toName: string): Promise<void> {
  const { context } = set;
  const { from, to } = await steer(set, fromName, toName);
  await refuseUnequal(set, from, to);
  const pauseMs = await pauseBudget(set);
  await fence(set, from);
  const moved = await switchOver(set, from, to, pauseMs).catch(async (error) => {
    await unfence(set, from);
    throw error;
  });
  context.say(`${podName(to.pod)} is master of ${set.target.name} now; writes waited ${moved} ms.`);
  await settle(set, from, to);
  await unfence(set, from);
  await restorePriorities(set);
}

const keyOf = (set: SentinelSet, what: string, pod: string): string =>
  `redis/${set.target.namespace}/${set.target.name}/${what}/${pod}`;

async function configOf(set: SentinelSet, member: DataPod, name: string): Promise<string> {
  return parsePairs(await set.data(member.pod, 'CONFIG', 'GET', name))[name] ?? '';
}

/** Makes the target the only replica that Sentinel would choose, and waits until the Sentinels have noticed. */
async function steer(
  set: SentinelSet,
  fromName: string,
  toName: string,
): Promise<{ from: DataPod; to: DataPod }> {
  const { journal } = set.context;
  const first = await set.members();
  for (const member of first) {
    const priority = await configOf(set, member, 'replica-priority');
    const wanted =
      member.pod.metadata.name === toName ? '1' : String(Math.max(Number(priority), neutralPriority));
    if (priority === wanted) continue;
    await journal.before(keyOf(set, 'replica-priority', member.pod.metadata.name), priority);
    await set.data(member.pod, 'CONFIG', 'SET', 'replica-priority', wanted);
  }
  return waitPatiently(
    async () => {
      const [members, opinions, sentinels] = await Promise.all([
        set.members(),
        set.opinions(),
        set.sentinelPods(),
      ]);
      const from = members.find((m) => m.pod.metadata.name === fromName);
      const to = members.find((m) => m.pod.metadata.name === toName);
      if (!from || !to) return { waiting: `${from ? toName : fromName} is not ready` };
      const wrong = disturbances(members, opinions, sentinels.length);
      const late = notInSync(to, from);
      if (late) wrong.push(late);
      for (const o of opinions) {
        const seen = o.replicas.find((r) => r.ip === ipOf(to.pod));
        if (seen?.flags !== 'slave' || seen['slave-priority'] !== '1')
          wrong.push(`${o.sentinel.metadata.name} has not noticed yet that ${toName} is to be chosen`);
      }
      return wrong.length === 0 ? { done: { from, to } } : { waiting: wrong.slice(0, 2).join('; ') };
    },
    waiting(set.context, `${set.target.name} to be ready for a failover to ${toName}`, 'failover'),
  );
}

const mustAgree = ['maxmemory', 'maxmemory-policy', 'appendonly', 'save', 'client-output-buffer-limit'];

/** A target that is configured differently may refuse or lose what the old master took. */
async function refuseUnequal(set: SentinelSet, from: DataPod, to: DataPod): Promise<void> {
  for (const name of mustAgree) {
    const [a, b] = await Promise.all([configOf(set, from, name), configOf(set, to, name)]);
    if (a !== b)
      throw new Error(
        `${podName(to.pod)} has ${name} ${JSON.stringify(b)} and ${podName(from.pod)} has ${JSON.stringify(a)}; make them equal, then run the workflow again.`,
      );
  }
}

async function pauseBudget(set: SentinelSet): Promise<number> {
  const downAfter = Math.min(...(await set.opinions()).map((o) => o.downAfterMs));
  const budget = Math.min(longestPauseMs, downAfter - pauseMarginMs);
  if (budget >= shortestPauseMs) return budget;
  throw new Error(
    `The Sentinels of ${set.target.name} call the master down after ${downAfter} ms, which leaves no time for a failover without loss. ` +
      `Set it to at least ${shortestPauseMs + pauseMarginMs} ms (SENTINEL SET ${set.target.master} down-after-milliseconds 10000), then run the workflow again.`,
  );
}

/** From the moment the target leaves, the old master refuses writes by itself, even if this process dies. */
async function fence(set: SentinelSet, from: DataPod): Promise<void> {
  const { journal } = set.context;
  for (const name of ['min-replicas-to-write', 'min-replicas-max-lag']) {
    await journal.before(keyOf(set, name, from.pod.metadata.name), await configOf(set, from, name));
  }
  const { connectedReplicas } = await set.replication(from.pod);
  await set.data(from.pod, 'CONFIG', 'SET', 'min-replicas-max-lag', 10);
  await set.data(from.pod, 'CONFIG', 'SET', 'min-replicas-to-write', connectedReplicas);
}

async function unfence(set: SentinelSet, from: DataPod): Promise<void> {
  const { journal } = set.context;
  for (const name of ['min-replicas-to-write', 'min-replicas-max-lag']) {
    const key = keyOf(set, name, from.pod.metadata.name);
    const value = journal.valueBefore(key);
    if (value !== undefined) await set.data(from.pod, 'CONFIG', 'SET', name, String(value));
    await journal.restored(key);
  }
}

/** The seconds that matter. They are never cut short: leaving in the middle would be worse than finishing. Returns the pause in ms. */
async function switchOver(set: SentinelSet, from: DataPod, to: DataPod, pauseMs: number): Promise<number> {
  const { clock } = set.context;
  const until = async (limitMs: number, holds: () => Promise<boolean>): Promise<boolean> => {
    const end = clock.now() + limitMs;
    for (;;) {
      if (await holds().catch(falseWhenBroken)) return true;
      if (clock.now() >= end) return false;
      await clock.sleep(pollMs / 4);
    }
  };
  const [sentinel] = await set.opinions();
  if (!sentinel) throw new Error(`No Sentinel of ${set.target.name} is ready.`);
  const started = clock.now();
  await set.data(from.pod, 'CLIENT', 'PAUSE', pauseMs, 'WRITE');
  const callOff = async (why: string): Promise<never> => {
    await set.data(from.pod, 'CLIENT', 'UNPAUSE');
    throw new Error(`The failover to ${podName(to.pod)} was called off before anything changed: ${why}`);
  };
  const { offset } = await set.replication(from.pod);
  if (!(await until(catchUpMs, async () => (await set.replication(to.pod)).offset >= offset)))
    await callOff('it did not catch up within 2 s.');
  await set
    .sentinel(sentinel.sentinel, 'FAILOVER', set.target.master)
    .catch((error) => callOff(messageOf(error)));

  const promoted = await until(pauseMs - 1000, async () => (await set.replication(to.pod)).role === 'master');
  if (!promoted) await callOff('it was not promoted in time; look at the log of the Sentinels.');
  const [old, fresh] = await Promise.all([set.replication(from.pod), set.replication(to.pod)]);
  if (fresh.replid2 !== old.replid || fresh.secondOffset - 1 !== old.offset) {
    throw new MigrationStopped(
      `${podName(from.pod)} and ${podName(to.pod)} have diverged (offset ${old.offset} against ${fresh.secondOffset - 1}). ` +
        `Do not delete either pod; compare their data, then make one follow the other by hand.`,
    );
  }
  // All Sentinels should name the new master before clients are sent away; the roles are swapped in any case.
  const left = started + pauseMs - 1000 - clock.now();
  await until(left, async () => (await set.opinions()).every((o) => o.master === ipOf(to.pod)));
  const old_ = await set.connections.to(from.pod, set.target.port);
  await old_.transaction([
    ['REPLICAOF', ipOf(to.pod), set.target.port],
    ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
    ['CLIENT', 'KILL', 'TYPE', 'pubsub'],
    ['CLIENT', 'UNPAUSE'],
  ]);
  return Math.round(clock.now() - started);
}

/** Waits until every member follows the new master and the Sentinels agree. */
async function settle(set: SentinelSet, from: DataPod, to: DataPod): Promise<void> {
  await waitPatiently(
    async () => {
      const [members, opinions, sentinels] = await Promise.all([
        set.members(),
        set.opinions(),
        set.sentinelPods(),
      ]);
      const master = members.find((m) => m.pod.metadata.uid === to.pod.metadata.uid);
      const wrong = disturbances(members, opinions, sentinels.length);
      for (const m of members) if (master && m !== master) wrong.push(...[notInSync(m, master) ?? []].flat());
      return wrong.length === 0 ? { done: true } : { waiting: wrong.slice(0, 2).join('; ') };
    },
    waiting(
      set.context,
      `everyone to follow ${podName(to.pod)} after the failover from ${podName(from.pod)}`,
      'failover',
    ),
  );
}

/** Puts priorities and fences back on the pods as they are now; a recreated pod has its own configuration again. */
export async function restorePriorities(set: SentinelSet): Promise<void> {
  const { journal } = set.context;
  const prefix = `redis/${set.target.namespace}/${set.target.name}/`;
  const members = await set.members();
  for (const { key, value } of journal.outstanding(prefix)) {
    const [what = '', name] = key.slice(prefix.length).split('/');
    const member = members.find((m) => m.pod.metadata.name === name);
    if (!member) continue;
    if ((await configOf(set, member, what)) !== String(value))
      await set.data(member.pod, 'CONFIG', 'SET', what, String(value));
    await journal.restored(key);
  }
}

/** Sentinel closes the connections of the server that it promotes. */
function falseWhenBroken(error: unknown): boolean {
  if (error instanceof ConnectionBroken) return false;
  throw error;
}
