import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container, PodSpec } from '../../../src/cluster/objects.ts';
import { ask } from '../../../src/rehearsal/images/ask.ts';
import { processRuntime } from '../../../src/rehearsal/kubelet/process-runtime.ts';
import { podDiscovery } from '../../../src/rehearsal/rehearse/discovery.ts';
import { formRedisCluster } from '../../../src/rehearsal/rehearse/redis-cluster.ts';
import { findRedisServer } from '../../../src/rehearsal/rehearse/redis-server.ts';
import { wallClock } from '../../../src/rehearsal/world/clock.ts';
import { claimNetwork } from '../../../src/rehearsal/world/network.ts';
import { machine, machineRoom, namespace } from './room.ts';

/** A Sentinel set of 1+2+3 and a Redis Cluster of 3+3 on one machine, side by side; prints what became of them. */
const redisServer = findRedisServer() ?? '';
const directory = mkdtempSync(join(tmpdir(), 'redis-'));
const { prefix: network } = await claimNetwork(127);
const room = machineRoom(wallClock, (store) =>
  processRuntime({
    directory,
    redisServer,
    discovery: podDiscovery(store),
    network,
  }),
);
/** Sentinels that split their votes try again after twice the failover timeout, more than once if they must. */
const limitMs = 60_000;
const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const end = wallClock.now() + limitMs;
  while (!(await holds())) {
    if (wallClock.now() > end) throw new Error(`Waited ${limitMs} ms for ${what}.`);
    await wallClock.sleep(50);
  }
};
const ip = (name: string): string => room.get(name)?.status?.podIP ?? '';
const info = async (name: string): Promise<string> =>
  String((await ask(ip(name), 6379, 'INFO', 'replication')) ?? '');
const follows = async (name: string, master: string): Promise<boolean> => {
  const text = await info(name);
  return text.includes(`master_host:${master}\r`) && text.includes('master_link_status:up');
};
const masterSeenBy = async (sentinel: string): Promise<string> => {
  const answer = await ask(ip(sentinel), 26379, 'SENTINEL', 'get-master-addr-by-name', 'mymaster');
  return Array.isArray(answer) ? String(answer[0]) : '';
};
const env = (values: Record<string, string>) =>
  Object.entries(values).map(([name, value]) => ({ name, value }));
const probe = (port: number): Partial<Container> => ({
  readinessProbe: { tcpSocket: { port }, periodSeconds: 0.2 },
});
const spec: Partial<PodSpec> = { terminationGracePeriodSeconds: 5 };

const createMember = (name: string) =>
  room.create(
    name,
    {
      ...probe(6379),
      image: 'redis',
      args: ['--maxmemory', '64mb'],
      env: env({ SENTINEL_SELECTOR: 'app=sentinel', MASTER_NAME: 'mymaster' }),
    },
    spec,
  );
const createSentinel = (name: string) =>
  room.create(
    name,
    {
      ...probe(26379),
      image: 'sentinel',
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
      env: env({
        SENTINEL_SELECTOR: 'app=sentinel',
        REDIS_SELECTOR: 'app=cache',
        QUORUM: '2',
        DOWN_AFTER: '1000',
        FAILOVER_TIMEOUT: '5000',
      }),
    },
    { ...spec, volumes: [claim(name)] },
  );

/** A claim whose volume is attached to the machine already. */
function claim(name: string): { name: string; persistentVolumeClaim: { claimName: string } } {
  const claimName = `data-${name}`;
  if (!room.store.get('persistentvolumeclaims', { namespace, name: claimName })) {
    room.store.create('persistentvolumeclaims', {
      metadata: { name: claimName, namespace },
      spec: { volumeName: claimName },
    });
    room.store.create('volumeattachments', {
      metadata: { name: `csi-${claimName}` },
      spec: {
        attacher: 'ebs.csi.aws.com',
        nodeName: machine.privateDnsName,
        source: { persistentVolumeName: claimName },
      },
      status: { attached: true },
    });
  }
  return { name: 'data', persistentVolumeClaim: { claimName } };
}

async function replaced(name: string, create: (name: string) => unknown): Promise<void> {
  room.store.remove('pods', { namespace, name });
  await until(`${name} to go`, () => room.get(name) === undefined);
  create(name);
  await until(`${name} to be ready`, () => room.ready(name));
}

async function sentinelSet(): Promise<object> {
  const members = ['cache-0', 'cache-1', 'cache-2'];
  const sentinels = ['sentinel-0', 'sentinel-1', 'sentinel-2'];
  members.forEach(createMember);
  sentinels.forEach(createSentinel);
  await until('the set', () => [...members, ...sentinels].every(room.ready));
  const first = ip('cache-0');
  await until('replicas', async () => (await follows('cache-1', first)) && (await follows('cache-2', first)));
  await ask(first, 6379, 'SET', 'key', 'value');

  await replaced('cache-2', createMember);
  await until('cache-2 to be in sync', () => follows('cache-2', first));
  const copied = await ask(ip('cache-2'), 6379, 'GET', 'key');
  const maxmemory = await ask(ip('cache-2'), 6379, 'CONFIG', 'GET', 'maxmemory');

  const identity = await ask(ip('sentinel-2'), 26379, 'SENTINEL', 'MYID');
  await replaced('sentinel-2', createSentinel);
  const kept = identity === (await ask(ip('sentinel-2'), 26379, 'SENTINEL', 'MYID'));
  await until('three Sentinels that know each other', async () => {
    const counts = await Promise.all(
      sentinels.map((s) => ask(ip(s), 26379, 'SENTINEL', 'CKQUORUM', 'mymaster')),
    );
    return counts.every((c) => String(c).startsWith('OK 3 usable'));
  });

  room.store.remove('pods', { namespace, name: 'cache-0' }, { gracePeriodSeconds: 0 });
  await until('another master', async () => {
    const seen = await Promise.all(sentinels.map(masterSeenBy));
    return seen.every((s) => s === seen[0] && s !== '' && s !== first);
  });
  const elected = await masterSeenBy('sentinel-0');
  createMember('cache-0');
  await until('cache-0 to follow it', () => follows('cache-0', elected));
  return { copied, maxmemory, kept, survived: await ask(ip('cache-0'), 6379, 'GET', 'key') };
}

async function cluster(): Promise<object> {
  const names = Array.from({ length: 6 }, (_, i) => `shard-${i}`);
  const create = (name: string) =>
    room.create(
      name,
      {
        ...probe(6379),
        image: 'redis',
        env: env({ MODE: 'cluster', NODE_TIMEOUT: '2000' }),
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
      { ...spec, volumes: [claim(name)] },
    );
  names.forEach(create);
  await until('the shards', () => names.every(room.ready));
  await formRedisCluster(names.map(ip));
  const count = async (role: string): Promise<number> => {
    const nodes = String(await ask(ip('shard-0'), 6379, 'CLUSTER', 'NODES'));
    return nodes.match(new RegExp(` (myself,)?${role} `, 'g'))?.length ?? 0;
  };
  await until('the roles to be known', async () => (await count('slave')) === 3);
  const id = await ask(ip('shard-5'), 6379, 'CLUSTER', 'MYID');
  const before = ip('shard-5');
  await replaced('shard-5', create);
  await until('shard-5 to be in sync', async () => (await info('shard-5')).includes('master_link_status:up'));
  await until('its new address to be known', async () =>
    String(await ask(ip('shard-0'), 6379, 'CLUSTER', 'NODES')).includes(`${ip('shard-5')}:6379`),
  );
  return {
    masters: await count('master'),
    replicas: await count('slave'),
    moved: before !== ip('shard-5'),
    sameNode: id === (await ask(ip('shard-5'), 6379, 'CLUSTER', 'MYID')),
  };
}

room.machines.boot(machine);
try {
  const [set, shards] = await Promise.all([sentinelSet(), cluster()]);
  console.log(JSON.stringify({ set, cluster: shards }));
} finally {
  await room.machines.stop();
  rmSync(directory, { recursive: true, force: true });
}
