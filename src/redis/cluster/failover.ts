import type { Pod } from '../../cluster/objects.ts';
import { podName } from '../../cluster/pods.ts';
import { describeDuration } from '../../text.ts';
import type { RedisCluster } from './cluster.ts';

/** Redis gives a manual failover five seconds. */
const promotionMs = 6000;
const pollMs = 20;
const attempts = 2;

/**
 * CLUSTER FAILOVER to a replica, which loses nothing: the master stops writes and waits for it. Never FORCE or TAKEOVER.
 * When the voters are still busy with an earlier election it is tried once more after twice the node timeout.
 */
export async function failOverTo(cluster: RedisCluster, pod: Pod): Promise<void> {
  const { clock, signal, say } = cluster.context;
  const nodeTimeout = await cluster.nodeTimeoutMs();
  for (let n = 1; ; n++) {
    await cluster.agree(
      await cluster.all(),
      `${cluster.target.name} to be calm before a failover to ${podName(pod)}`,
    );
    await cluster.inSync(pod);
    await cluster.call(pod, 'CLUSTER', 'FAILOVER');
    if (await promoted(cluster, pod)) break;
    if (n >= attempts)
      throw new Error(
        `${podName(pod)} was not promoted; ${cluster.target.name} serves as before. Look at the log of its master, then run the workflow again.`,
      );
    say(
      `${podName(pod)} was not promoted; waiting ${describeDuration(2 * nodeTimeout)} before the second try.`,
    );
    await clock.sleep(2 * nodeTimeout, signal);
  }
  await cluster.agree(
    await cluster.all(),
    `everyone in ${cluster.target.name} to know that ${podName(pod)} is master`,
  );
}

async function promoted(cluster: RedisCluster, pod: Pod): Promise<boolean> {
  const { clock } = cluster.context;
  const until = clock.now() + promotionMs;
  while (clock.now() < until) {
    if ((await cluster.replication(pod)).role === 'master') return true;
    await clock.sleep(pollMs);
  }
  return false;
}
