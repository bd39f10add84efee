import { ipOf, isServing, waiting, waitPatiently } from '../context.ts';
import { disturbances, type Opinion, type SentinelSet } from './set.ts';

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
    await whenCalm(set);
    const [data, sentinels] = [(await set.dataPods()).map(ipOf), await set.sentinelPods()];
    const pod = sentinels.find((s) => s.metadata.name === metadata.name);
    if (!pod || !isServing(pod)) continue;
    const ghosts = ghostsOf(await set.opinion(pod), data, sentinels.map(ipOf));
    if (ghosts.length === 0) continue;
    context.say(
      `${pod.metadata.name} still lists ${ghosts.join(', ')}; resetting its memory of ${target.master}.`,
    );
    await set.sentinel(pod, 'RESET', target.master);
  }
  await whenCalm(set);
}

/** All Sentinels agree, know each other and every replica. */
export async function whenCalm(set: SentinelSet): Promise<void> {
  await waitPatiently(
    async () => {
      const [members, opinions, sentinels] = await Promise.all([
        set.members(),
        set.opinions(),
        set.sentinelPods(),
      ]);
      const wrong = disturbances(members, opinions, sentinels.length);
      const replicas = members.filter((m) => m.replication.role === 'slave').map((m) => ipOf(m.pod));
      for (const o of opinions) {
        const name = o.sentinel.metadata.name;
        const peers = sentinels.map(ipOf).filter((ip) => ip !== ipOf(o.sentinel) && !o.peers.includes(ip));
        const unseen = replicas.filter((ip) => !o.replicas.some((r) => r.ip === ip && r.flags === 'slave'));
        if (peers.length > 0) wrong.push(`${name} does not know the Sentinel at ${peers.join(', ')} yet`);
        if (unseen.length > 0) wrong.push(`${name} does not see the replica at ${unseen.join(', ')} yet`);
      }
      return wrong.length === 0 ? { done: true } : { waiting: wrong.slice(0, 2).join('; ') };
    },
    waiting(set.context, `the Sentinels of ${set.target.name} to agree`, 'failover'),
  );
}
