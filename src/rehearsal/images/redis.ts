import { join } from 'node:path';
import { ask } from './ask.ts';
import type { Command, Image, ImageContext } from './image.ts';

const redisPort = 6379;
const sentinelPort = 26379;
const lookMs = 200;

/** redis-server with the entrypoint of a good chart: a member of a Sentinel set asks the Sentinels whom to follow. */
export const redis: Image = {
  needsRedis: true,
  command: (context) => (context.env.MODE === 'cluster' ? clusterNode(context) : setMember(context)),
};

const common = ({ address, directory }: ImageContext): string[] => [
  '--port',
  String(redisPort),
  '--bind',
  address,
  '--dir',
  directory,
  '--protected-mode',
  'no',
  '--save',
  '',
  '--repl-diskless-sync-delay',
  '0',
  '--daemonize',
  'no',
];

async function clusterNode(context: ImageContext): Promise<Command> {
  const timeout = context.env.NODE_TIMEOUT ?? '5000';
  return {
    file: context.redisServer,
    args: [
      ...common(context),
      '--appendonly',
      'yes',
      '--cluster-enabled',
      'yes',
      '--cluster-config-file',
      join(context.directory, 'nodes.conf'),
      '--cluster-node-timeout',
      timeout,
      '--cluster-announce-ip',
      context.address,
      ...context.args,
    ],
  };
}

async function setMember(context: ImageContext): Promise<Command | undefined> {
  const master = await findMaster(context);
  if (context.stopped()) return undefined;
  const follow = master && master !== context.address ? ['--replicaof', `${master} ${redisPort}`] : [];
  return {
    file: context.redisServer,
    args: [...common(context), '--replica-announce-ip', context.address, ...follow, ...context.args],
  };
}

/** The Sentinels' answer; before there are Sentinels, the first pod of the set is the master. */
async function findMaster({
  pod,
  env,
  address,
  discovery,
  stopped,
}: ImageContext): Promise<string | undefined> {
  const namespace = pod.metadata.namespace ?? '';
  while (!stopped()) {
    for (const sentinel of discovery(namespace, env.SENTINEL_SELECTOR ?? '')) {
      const answer = await ask(
        sentinel.ip,
        sentinelPort,
        'SENTINEL',
        'get-master-addr-by-name',
        env.MASTER_NAME ?? 'mymaster',
      );
      if (Array.isArray(answer) && typeof answer[0] === 'string') return answer[0];
    }
    const first = pod.metadata.name.replace(/\d+$/, '0');
    if (pod.metadata.name === first) return address;
    const found = discovery(namespace, `app=${pod.metadata.labels?.app}`).find((p) => p.name === first);
    if (found) return found.ip;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return undefined;
}
