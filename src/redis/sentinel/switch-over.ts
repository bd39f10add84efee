import type { Pod } from '../../cluster/objects.ts';
import { podName } from '../../cluster/pods.ts';
import { messageOf } from '../../text.ts';
import { ConnectionBroken, ipOf, isServing, MigrationStopped, waiting, waitPatiently } from '../context.ts';
import { turnOver } from './demote.ts';
import type { DataPod, SentinelSet } from './set.ts';

const pollMs = 25;
const catchUpMs = 2000;
/** Whatever has to happen while writes wait ends this long before the pause ends by itself. */
const marginMs = 1000;
const longestRoundTripMs = 200;
const roundTrips = 3;
const turnOverMs = 10_000;

/**
 * The seconds that matter: pause writes, wait for equal offsets, SENTINEL FAILOVER, prove that the new master has everything,
 * then turn the old master and its clients over. The old master must be fenced. It is not cut short by a stop, because
 * leaving in the middle would be worse than finishing. Returns how long writes waited, in ms.
 * @throws Error when it was called off before anything changed, MigrationStopped when a person must look.
 */
export async function switchOver(
  set: SentinelSet,
  from: DataPod,
  to: DataPod,
  pauseMs: number,
): Promise<number> {
  const { clock, signal } = set.context;
  const sentinel = (await set.sentinelPods()).find(isServing);
  if (!sentinel) throw new Error(`No Sentinel of ${set.target.name} is ready.`);
  await refuseSlowLine(set, [from.pod, to.pod], sentinel);
  signal.throwIfAborted();

  const pausedAt = clock.now();
  const deadline = pausedAt + pauseMs - marginMs;
  await set.data(from.pod, 'CLIENT', 'PAUSE', pauseMs, 'WRITE');
  const { offset, replid } = await order(set, from, to, sentinel);
  const inTime = await within(set, deadline, () => isMaster(set, to));
  if (!inTime) await awaitSentinels(set, from, to);

  // Writes have waited since the pause, so all that was acknowledged lies below the offset read after it.
  const fresh = await set.replication(to.pod);
  if (fresh.replid2 !== replid || fresh.secondOffset - 1 < offset) {
    throw new MigrationStopped(
      `${podName(to.pod)} took over from another history than that of ${podName(from.pod)} (offset ${fresh.secondOffset - 1}, expected at least ${offset}). ` +
        'Do not delete either pod; compare their data, then make one follow the other by hand.',
    );
  }
  // The roles are swapped already; clients that are sent away too early would ask Sentinels that do not know yet.
  await within(
    set,
    signal.aborted ? clock.now() : deadline,
    async () => signal.aborted || (await set.named()).every((ip) => ip === ipOf(to.pod)),
  );
  const turned = await within(set, clock.now() + turnOverMs, async () => {
    await turnOver(set, from.pod, to.pod);
    return true;
  });
  if (!turned)
    throw new MigrationStopped(
      `${podName(from.pod)} does not answer after ${podName(to.pod)} took over from it. Sentinel will make it a replica; look at it before anything is moved.`,
    );
  return Math.round(clock.now() - pausedAt);
}

const isMaster = async (set: SentinelSet, { pod }: DataPod): Promise<boolean> =>
  (await set.replication(pod)).role === 'master';

/** Waits until the target has everything and gives the order. When Redis says no, writes go on and nothing has changed. */
async function order(
  set: SentinelSet,
  from: DataPod,
  to: DataPod,
  sentinel: Pod,
): Promise<{ offset: number; replid: string }> {
  const { clock } = set.context;
  try {
    const { offset, replid } = await set.replication(from.pod);
    const caughtUp = await within(
      set,
      clock.now() + catchUpMs,
      async () => (await set.replication(to.pod)).offset >= offset,
    );
    if (!caughtUp) throw new Error(`it did not catch up within ${catchUpMs} ms`);
    await set.sentinel(sentinel, 'FAILOVER', set.target.master).catch((error) => {
      // A lost answer says nothing: the failover may be under way.
      if (!(error instanceof ConnectionBroken)) throw error;
    });
    return { offset, replid };
  } catch (error) {
    await set.data(from.pod, 'CLIENT', 'UNPAUSE').catch(() => {});
    throw new Error(
      `The failover to ${podName(to.pod)} was called off before anything changed: ${messageOf(error)}`,
    );
  }
}

/** The promotion takes longer than writes can wait: they go on behind the fence until the Sentinels are through with it. */
async function awaitSentinels(set: SentinelSet, from: DataPod, to: DataPod): Promise<void> {
  await set.data(from.pod, 'CLIENT', 'UNPAUSE');
  const promoted = await waitPatiently(
    async () => {
      if (await isMaster(set, to)) return { done: true };
      const opinions = await set.opinions();
      const calm = opinions.every((o) => o.flags === 'master' && o.master === ipOf(from.pod));
      return calm ? { done: false } : { waiting: 'the Sentinels are still at it' };
    },
    waiting(set.context, `the promotion of ${podName(to.pod)}`, 'failover', pollMs),
  );
  if (!promoted)
    throw new Error(
      `The Sentinels of ${set.target.name} gave up the failover to ${podName(to.pod)}; ${podName(from.pod)} serves as before. Look at their log, then run the workflow again.`,
    );
}

async function within(set: SentinelSet, deadline: number, holds: () => Promise<boolean>): Promise<boolean> {
  const { clock } = set.context;
  for (;;) {
    if (await holds().catch(falseWhenBroken)) return true;
    if (clock.now() >= deadline) return false;
    await clock.sleep(pollMs);
  }
}

/** Sentinel closes the connections of the server that it promotes. */
function falseWhenBroken(error: unknown): boolean {
  if (error instanceof ConnectionBroken) return false;
  throw error;
}

/** Over a slow line the steps would not fit into the pause. It also opens every connection that is needed later. */
async function refuseSlowLine(set: SentinelSet, data: readonly Pod[], sentinel: Pod): Promise<void> {
  const { clock } = set.context;
  const ask = async (what: Pod, ping: () => Promise<unknown>): Promise<void> => {
    let best = Number.POSITIVE_INFINITY;
    for (let n = 0; n < roundTrips; n++) {
      const asked = clock.now();
      await ping();
      best = Math.min(best, clock.now() - asked);
    }
    if (best > longestRoundTripMs)
      throw new Error(
        `A round trip to ${podName(what)} takes ${Math.round(best)} ms, and a failover without loss needs at most ${longestRoundTripMs} ms. Run this job closer to the cluster.`,
      );
  };
  for (const pod of data) await ask(pod, () => set.data(pod, 'PING'));
  await ask(sentinel, () => set.connections.call(sentinel, set.target.sentinelPort, 'PING'));
}
