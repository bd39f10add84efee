import type { Pod } from '../../cluster/objects.ts';
import { isTerminating, podName } from '../../cluster/pods.ts';
import { ConnectionBroken, ipOf, MigrationStopped, waiting, waitPatiently } from '../context.ts';
import { parseInfo, parsePairs, type Replication, writesSinceStart } from '../info.ts';
import type { SentinelSet } from './set.ts';

/** Makes a former master follow the present one and sends its clients away, which then ask the Sentinels; all in one go. */
export async function turnOver(set: SentinelSet, from: Pod, to: Pod): Promise<void> {
  await set.connections.transaction(from, set.target.port, [
    ['REPLICAOF', ipOf(to), set.target.port],
    ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
    ['CLIENT', 'KILL', 'TYPE', 'pubsub'],
    ['CLIENT', 'UNPAUSE'],
  ]);
}

/** What is known about a second master. */
export interface Stray {
  replication: Replication;
  minReplicasToWrite: number;
  /** Commands that may have changed keys since it started. */
  writes: readonly string[];
}

/**
 * Whether a second master may be made a replica of the real one, whom all Sentinels name, without losing an acknowledged
 * write; otherwise why not.
 */
export function mayFollow(stray: Stray, real: Replication): true | string {
  if (real.replid2 !== '' && stray.replication.replid === real.replid2) {
    // A failover was interrupted after the promotion. Sentinels' own messages may have moved the offset since.
    const { offset, goodReplicas } = stray.replication;
    const fenced = goodReplicas < stray.minReplicasToWrite;
    return offset <= real.secondOffset - 1 || fenced
      ? true
      : `it took writes after the other was promoted (offset ${offset} against ${real.secondOffset - 1})`;
  }
  return stray.writes.length === 0 ? true : `it took writes since it started (${stray.writes.join(', ')})`;
}

/**
 * A former master that starts without asking the Sentinels comes back as a master, and Sentinel never finds it: it must
 * follow the real one at once, before a client writes to it. Also finishes a failover that was interrupted after the promotion.
 * @throws MigrationStopped when following would lose writes.
 */
export async function adoptStrays(set: SentinelSet): Promise<void> {
  await waitPatiently(
    async () => {
      const masters = await reachableMasters(set);
      if (masters.length < 2) return { done: true };
      const named = await set.named();
      const real = masters.find((m) => named.length > 0 && named.every((ip) => ip === ipOf(m.pod)));
      if (!real) {
        const list = masters.map((m) => podName(m.pod)).join(' and ');
        return {
          waiting: `${list} are both masters, and the Sentinels do not agree which one is right`,
        };
      }
      for (const stray of masters) if (stray !== real) await adopt(set, stray.pod, real.pod);
      return { waiting: 'a second master was just told to follow' };
    },
    waiting(set.context, `${set.target.name} to have one master`, 'failover', 150),
  );
}

async function adopt(set: SentinelSet, stray: Pod, real: Pod): Promise<void> {
  const [replication, to] = [await set.replication(stray), await set.replication(real)];
  if (replication.role !== 'master') return;
  const commands = parseInfo(await set.data(stray, 'INFO', 'commandstats'));
  const config = parsePairs(await set.data(stray, 'CONFIG', 'GET', 'min-replicas-to-write'));
  const verdict = mayFollow(
    {
      replication,
      minReplicasToWrite: Number(config['min-replicas-to-write'] ?? 0),
      writes: writesSinceStart(commands),
    },
    to,
  );
  if (verdict !== true) {
    throw new MigrationStopped(
      `${podName(stray)} is a second master beside ${podName(real)}, and ${verdict}. Keep a copy of its data, compare, then make it follow by hand (REPLICAOF ${ipOf(real)} ${set.target.port}) and run the workflow again.`,
    );
  }
  await turnOver(set, stray, real);
  set.context.say(`${podName(stray)} was a second master and follows ${podName(real)} now.`);
}

/** Asks pods that run, ready or not: an empty master must not wait until it is ready. */
async function reachableMasters(set: SentinelSet): Promise<{ pod: Pod }[]> {
  const pods = (await set.dataPods()).filter((p) => ipOf(p) !== '' && !isTerminating(p));
  const roles = await Promise.all(
    pods.map(async (pod) => {
      try {
        return { pod, role: (await set.replication(pod)).role };
      } catch (error) {
        if (error instanceof ConnectionBroken) return { pod, role: 'unknown' };
        throw error;
      }
    }),
  );
  return roles.filter((r) => r.role === 'master');
}
