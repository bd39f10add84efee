import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from './ask.ts';
import type { Image, ImageContext } from './image.ts';

const sentinelPort = 26379;
const redisPort = 6379;
const lookMs = 200;

/** redis-sentinel that learns the present master from its peers, or from the set's first pod when it is the first Sentinel. */
export const sentinel: Image = {
  needsRedis: true,
  async command(context) {
    const master = await findMaster(context);
    if (!master) return undefined;
    const { env, address, directory } = context;
    const name = env.MASTER_NAME ?? 'mymaster';
    const file = join(directory, 'sentinel.conf');
    const lines = [
      ...identity(file),
      `port ${sentinelPort}`,
      `bind ${address}`,
      `dir ${directory}`,
      'protected-mode no',
      `sentinel announce-ip ${address}`,
      `sentinel monitor ${name} ${master} ${redisPort} ${env.QUORUM ?? '2'}`,
      `sentinel down-after-milliseconds ${name} ${env.DOWN_AFTER ?? '10000'}`,
      `sentinel failover-timeout ${name} ${env.FAILOVER_TIMEOUT ?? '10000'}`,
      `sentinel parallel-syncs ${name} 1`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return { file: context.redisServer, args: [file, '--sentinel'] };
  },
};

/** A Sentinel that finds its own file from before stays who it was, so that the others do not count it twice. */
function identity(file: string): string[] {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return /^sentinel myid \S+$/m.exec(before) ?? [];
}

async function findMaster({
  pod,
  env,
  address,
  discovery,
  stopped,
}: ImageContext): Promise<string | undefined> {
  const namespace = pod.metadata.namespace ?? '';
  while (!stopped()) {
    for (const peer of discovery(namespace, env.SENTINEL_SELECTOR ?? '')) {
      if (peer.ip === address) continue;
      const answer = await ask(
        peer.ip,
        sentinelPort,
        'SENTINEL',
        'get-master-addr-by-name',
        env.MASTER_NAME ?? 'mymaster',
      );
      if (Array.isArray(answer) && typeof answer[0] === 'string') return answer[0];
    }
    for (const { ip } of discovery(namespace, env.REDIS_SELECTOR ?? '')) {
      const role = await ask(ip, redisPort, 'ROLE');
      if (Array.isArray(role) && role[0] === 'master') return ip;
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return undefined;
}
