import { podName } from '../../cluster/pods.ts';
import { messageOf } from '../../text.ts';
import { ipOf, waiting, waitPatiently } from '../context.ts';
import { configOf, configure, fence, putBack } from './fence.ts';
import { type DataPod, disturbances, lagging, type SentinelSet, type Snapshot } from './set.ts';
import { switchOver } from './switch-over.ts';

const longestPauseMs = 8000;
const shortestPauseMs = 4000;
/** The pause must end well before the Sentinels would call the paused master down. */
const pauseMarginMs = 3000;
const chosenPriority = 1;
const neutralPriority = 100;

/**
 * Hands the master role from one pod to another without losing an acknowledged write: steer, fence, switch over, wait until
 * everyone follows, put the settings back.
 * @throws Error when a pre-check fails or it was called off before the switch (nothing has changed then), MigrationStopped
 * when a person must look.
 */
export async function failOver(set: SentinelSet, fromName: string, toName: string): Promise<void> {
  const { context, target } = set;
  try {
    const { from, to } = await steer(set, fromName, toName);
    await refuseUnequal(set, from, to);
    const budget = await pauseBudget(set);
    await fence(set, from);
    const pauseMs = await switchOver(set, from, to, budget);
    context.onFailover({ redis: target.name, from: podName(from.pod), to: podName(to.pod), pauseMs });
    context.say(`${podName(to.pod)} is master of ${target.name} now; writes waited ${pauseMs} ms.`);
    await settle(set, from, to);
  } finally {
    await putBack(set).catch((error) =>
      context.say(`Some settings of ${target.name} are not back yet: ${messageOf(error)}`),
    );
  }
}

/** Makes the target the only replica that Sentinel would choose, and waits until the Sentinels have noticed. */
async function steer(
  set: SentinelSet,
  fromName: string,
  toName: string,
): Promise<{ from: DataPod; to: DataPod }> {
  for (const member of await set.members()) {
    const { name } = member.pod.metadata;
    const priority = Number(await configOf(set, member, 'replica-priority'));
    if (name === toName) await configure(set, member, 'replica-priority', String(chosenPriority));
    // Zero means never, and stays; a master cannot be chosen.
    else if (name !== fromName && priority === chosenPriority)
      await configure(set, member, 'replica-priority', String(neutralPriority));
  }
  return waitPatiently(
    async () => {
      const snapshot = await set.look();
      const from = snapshot.members.find((m) => m.pod.metadata.name === fromName);
      const to = snapshot.members.find((m) => m.pod.metadata.name === toName);
      if (!from || !to) return { waiting: `${from ? toName : fromName} is not ready` };
      const wrong = [...disturbances(snapshot), ...lagging(snapshot), ...unnoticed(snapshot, to)];
      return wrong.length === 0 ? { done: { from, to } } : { waiting: wrong.slice(0, 2).join('; ') };
    },
    waiting(set.context, `${set.target.name} to be ready for a failover to ${toName}`, 'failover'),
  );
}

/** Which Sentinel would choose another replica, because it has not read the priorities again (it does every 10 s). */
export function unnoticed({ opinions }: Snapshot, to: DataPod): string[] {
  return opinions.flatMap((o) => {
    const chosen = o.replicas.filter((r) => r['slave-priority'] === String(chosenPriority)).map((r) => r.ip);
    const seen = o.replicas.find((r) => r.ip === ipOf(to.pod));
    const good = seen?.flags === 'slave' && chosen.length === 1 && chosen[0] === ipOf(to.pod);
    const name = to.pod.metadata.name;
    return good ? [] : [`${o.sentinel.metadata.name} has not noticed yet that ${name} is to be chosen`];
  });
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

/** Waits until every member follows the new master and the Sentinels agree. */
async function settle(set: SentinelSet, from: DataPod, to: DataPod): Promise<void> {
  await waitPatiently(
    async () => {
      const snapshot = await set.look();
      const wrong = [...disturbances(snapshot), ...lagging(snapshot)];
      return wrong.length === 0 ? { done: true } : { waiting: wrong.slice(0, 2).join('; ') };
    },
    waiting(
      set.context,
      `everyone to follow ${podName(to.pod)} after the failover from ${podName(from.pod)}`,
      'failover',
    ),
  );
}
