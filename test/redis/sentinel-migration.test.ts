import { afterAll, describe, expect, test } from '@jest/globals';
import { migrateSentinelSet } from '../../src/redis/sentinel/migrate.ts';
import { parseRedis } from '../../src/redis/settings.ts';
import { memoryJournal, newNode, PodWorld, runOn } from './pods.ts';
import {
  eventually,
  masterName,
  pause,
  redisProgram,
  type Server,
  startData,
  startSentinel,
  stopServers,
} from './servers.ts';
import { lost, NumberedWriter } from './writer.ts';

if (!redisProgram)
  console.warn('redis-server is not installed: the tests that move a real Sentinel set are skipped.');
const writers: NumberedWriter[] = [];
const writeTo = (world: PodWorld): NumberedWriter => {
  const writer = new NumberedWriter(world.servers('sentinel').map((s) => s.ip));
  writers.push(writer);
  return writer;
};
afterAll(async () => {
  for (const writer of writers) await writer.stop();
  await stopServers();
});

const [target] = parseRedis([
  { name: 'cache', namespace: 'shop', kind: 'sentinel', pods: 'app=cache', sentinels: 'app=sentinel' },
]);
if (!target) throw new Error('no target');

/** One master, two replicas and three Sentinels, all on the old node. A recreated pod starts like one without a clever entrypoint. */
async function sentinelSet(): Promise<PodWorld> {
  const world = new PodWorld();
  const masterIp = async (): Promise<string> => {
    for (const sentinel of world.servers('sentinel')) {
      const answer = await sentinel
        .ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)
        .catch(() => undefined);
      if (Array.isArray(answer)) return String(answer[0]);
    }
    return world.server('cache-0').ip;
  };
  await world.statefulSet('cache', 3, async (ip, name) =>
    name === 'cache-0' ? startData(ip) : startData(ip, await masterIp()),
  );
  await world.statefulSet('sentinel', 3, async (ip) => startSentinel(ip, await masterIp()));
  await eventually('a calm set', async () => {
    const all = await Promise.all(
      world.servers('sentinel').map(async (s) => {
        const known = (await s.ask('SENTINEL', 'MASTER', masterName)) as string[];
        const of = (key: string) => known[known.indexOf(key) + 1];
        return of('num-slaves') === '2' && of('num-other-sentinels') === '2';
      }),
    );
    return all.every(Boolean);
  });
  return world;
}

const settingsOf = async (server: Server): Promise<unknown> => [
  await server.ask('CONFIG', 'GET', 'replica-priority'),
  await server.ask('CONFIG', 'GET', 'min-replicas-to-write'),
  await server.ask('CONFIG', 'GET', 'min-replicas-max-lag'),
];

async function masterOf(world: PodWorld): Promise<Server> {
  const answer = await world.server('sentinel-0').ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName);
  const master = world.servers('cache').find((s) => s.ip === (answer as string[])[0]);
  if (!master) throw new Error('the Sentinels name a master that is not there');
  return master;
}

(redisProgram ? describe : describe.skip)('a Sentinel set', () => {
  test('moves under a writer without losing an acknowledged write', async () => {
    const world = await sentinelSet();
    const before = await settingsOf(world.server('cache-0'));
    const writer = writeTo(world);
    const run = runOn(world, memoryJournal());
    await migrateSentinelSet(run.context, target);
    await writer.stop();

    expect(await lost(writer, (key) => world.server('cache-0').ask('GET', key))).toBe(0);
    expect(writer.failed).toBe(0);
    expect(writer.acknowledged.length).toBeGreaterThan(500);
    expect(run.failovers.map((f) => [f.from, f.to])).toEqual([
      ['shop/cache-0', 'shop/cache-1'],
      ['shop/cache-1', 'shop/cache-0'],
    ]);
    for (const { pauseMs } of run.failovers) expect(pauseMs).toBeLessThan(2600);
    expect(run.moved.map((m) => m.pod).sort()).toEqual([
      ...['shop/cache-0', 'shop/cache-1', 'shop/cache-2'],
      ...['shop/sentinel-0', 'shop/sentinel-1', 'shop/sentinel-2'],
    ]);
    expect([...world.entries.values()].map((e) => e.pod.spec.nodeName)).toEqual(Array(6).fill(newNode));
    for (const cache of world.servers('cache')) expect(await settingsOf(cache)).toEqual(before);
    for (const sentinel of world.servers('sentinel')) {
      const replicas = (await sentinel.ask('SENTINEL', 'REPLICAS', masterName)) as string[][];
      expect(replicas.map((r) => r[3]).sort()).toEqual(
        [world.server('cache-1').ip, world.server('cache-2').ip].sort(),
      );
    }
  }, 60_000);

  test('loses nothing when the run is killed right after the order to fail over, and the next run finishes it', async () => {
    const world = await sentinelSet();
    const before = await settingsOf(world.server('cache-0'));
    const writer = writeTo(world);
    const journal = memoryJournal();
    const killed = runOn(world, journal, { killAfter: /^SENTINEL FAILOVER/ });
    await expect(migrateSentinelSet(killed.context, target)).rejects.toThrow();
    expect(killed.commands.at(-1)).toBe(`SENTINEL FAILOVER ${masterName}`);
    expect(journal.outstanding().length).toBeGreaterThan(0);
    const next = runOn(world, journal);
    await migrateSentinelSet(next.context, target);
    await writer.stop();

    const master = await masterOf(world);
    expect(await lost(writer, (key) => master.ask('GET', key))).toBe(0);
    expect(master).toBe(world.server('cache-0'));
    expect(journal.outstanding()).toEqual([]);
    for (const cache of world.servers('cache')) expect(await settingsOf(cache)).toEqual(before);
  }, 90_000);

  test('loses many writes to a bare SENTINEL FAILOVER, so the writer can see a loss', async () => {
    const world = await sentinelSet();
    const writer = writeTo(world);
    await pause(300);
    await world.server('sentinel-0').ask('SENTINEL', 'FAILOVER', masterName);
    await eventually(
      'the end of the failover',
      async () => (await world.server('cache-0').info('role')) === 'slave',
    );
    await pause(300);
    await writer.stop();
    const master = await masterOf(world);
    expect(await lost(writer, (key) => master.ask('GET', key))).toBeGreaterThan(100);
  }, 30_000);
});
