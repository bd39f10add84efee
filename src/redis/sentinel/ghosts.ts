import { ipOf, isServing, waiting, waitPatiently } from '../context.ts';
import { disturbances, mastersOf, type Opinion, type SentinelSet, type Snapshot } from './set.ts';

/** Addresses that a Sentinel still lists although no pod has them: another Redis that gets such an address would be made a replica. */
export function ghostsOf(
  opinion: Opinion,
  dataIps: readonly string[],
  sentinelIps: readonly string[],
): string[] {
  const replicas = opinion.replicas.map((r) => r.ip ?? '').filter((ip) => !dataIps.includes(ip));
  return [...replicas, ...opinion.peers.filter((ip) => !sentinelIps.includes(ip))];
}

/**
 * SENTINEL RESET on one Sentinel after the other, each only while all is calm and after the one before knows everyone again:
 * for a moment a reset Sentinel knows nobody, and a reset during a failover drops the failover.
 */
export async function forgetGhosts(set: SentinelSet): Promise<void> {
  const { context, target } = set;
  for (const { metadata } of await set.sentinelPods()) {
    const { data, sentinels } = await whenCalm(set);
    const pod = sentinels.find((s) => s.metadata.name === metadata.name);
    if (!pod || !isServing(pod)) continue;
    const ghosts = ghostsOf(await set.opinion(pod), data.map(ipOf), sentinels.map(ipOf));
    if (ghosts.length === 0) continue;
    context.say(
      `${pod.metadata.name} still lists ${ghosts.join(', ')}; resetting its memory of ${target.master}.`,
    );
    await set.sentinel(pod, 'RESET', target.master);
  }
  await whenCalm(set);
}

/** All Sentinels agree, know each other and every replica. */
export async function whenCalm(set: SentinelSet): Promise<Snapshot> {
  return waitPatiently(
    async () => {
      const snapshot = await set.look();
      const wrong = [...disturbances(snapshot), ...unaware(snapshot)];
      return wrong.length === 0 ? { done: snapshot } : { waiting: wrong.slice(0, 2).join('; ') };
    },
    waiting(set.context, `the Sentinels of ${set.target.name} to agree`, 'failover'),
  );
}

/** Which Sentinel does not know which other Sentinel or replica. */
export function unaware(snapshot: Snapshot): string[] {
  const masters = mastersOf(snapshot);
  const replicas = snapshot.members.filter((m) => !masters.includes(m)).map((m) => ipOf(m.pod));
  return snapshot.opinions.flatMap((o) => {
    const name = o.sentinel.metadata.name;
    const peers = snapshot.sentinels
      .map(ipOf)
      .filter((ip) => ip !== ipOf(o.sentinel) && !o.peers.includes(ip));
    const unseen = replicas.filter((ip) => !o.replicas.some((r) => r.ip === ip && r.flags === 'slave'));
    return [
      ...(peers.length > 0 ? [`${name} does not know the Sentinel at ${peers.join(', ')} yet`] : []),
      ...(unseen.length > 0 ? [`${name} does not see the replica at ${unseen.join(', ')} yet`] : []),
    ];
  });
}
