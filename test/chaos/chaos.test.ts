import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { destroyingFaults, faults } from '../../src/rehearsal/faults/index.ts';
import { draw } from './draw.ts';
import { play } from './play.ts';
import { counted } from './traits.ts';

/** The first eight have every fault and every trait between them; the others have found something once. */
const seeds = [2, 42, 66, 78, 110, 125, 128, 229, 59, 86, 87, 154, 246, 272, 310, 502];

const patienceMs = 60_000;
const logs = new Map<number, string[]>();

test.each(seeds)(
  'seed %i ends complete or explained, with everything put back and no failed request',
  async (seed) => {
    const { problems, log } = await play(seed);
    logs.set(seed, log);
    expect([problems, problems.length > 0 ? log : []]).toEqual([[], []]);
  },
  patienceMs,
);

const missing = (of: readonly [string, number][], least: number) => of.filter(([, n]) => n < least);

test('these seeds have every fault, every input that is drawn, and every way to go on after a cut', () => {
  expect(missing(counted(seeds.map(draw)), 1)).toEqual([]);
});

test('the sweep of 300 seeds has each of them often enough to mean something', () => {
  const all = Array.from({ length: 300 }, (_, n) => draw(n + 1));
  expect(missing(counted(all), 15)).toEqual([]);
});

/** Each is a file of the folder, named as the fault is. */
const folder = new URL('../../src/rehearsal/faults/', import.meta.url);
const files = readdirSync(folder)
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => name !== 'fault' && name !== 'index')
  .sort();

test('every fault that the world knows is drawn', () => {
  expect([...faults, ...destroyingFaults].map((f) => f.name).sort()).toEqual(files);
  const drawn = new Set(counted([]).map(([name]) => name));
  expect(files.filter((name) => !drawn.has(`fault ${name}`))).toEqual([]);
});

/** What a rotation is promised to live with, and the fault that is it. */
const promised: [what: string, fault: string][] = [
  ['what AWS describes is some seconds old', 'stale-answers'],
  ['AWS throttles', 'throttling'],
  ['a storm of 409s', 'conflicts'],
  ['watches break and expire', 'watch-loss'],
  ['the group replaces an instance itself', 'unhealthy-instance'],
  ['an instance joins late', 'late-joins'],
  ['an instance never joins', 'never-joins'],
  ['a Spot interruption', 'spot-interruption'],
  ['a Node is deleted while it is drained', 'node-deleted'],
  ['a lifecycle hook is never completed', 'stuck-hook'],
  ['one zone has no capacity', 'full-zone'],
  ['no zone has any', 'no-capacity'],
  ['a budget that never allows anything', 'pdb-never-allows'],
  ['a pod that stays terminating', 'stuck-pod'],
  ['a webhook refuses evictions', 'webhook-denies'],
  ['a webhook is away', 'webhook-fails'],
  ['the API server restarts', 'api-restart'],
  ['the API server throttles and errs', 'api-errors'],
  ['images are slow', 'slow-images'],
];

test.each(promised)('%s: drawn as %s', (_, fault) => {
  expect(files).toContain(fault);
});

test(
  'a seed replays exactly',
  async () => {
    const [seed = 1] = seeds;
    const { log } = await play(seed);
    expect(log).toEqual(logs.get(seed) ?? (await play(seed)).log);
    expect(log.length).toBeGreaterThan(20);
  },
  patienceMs,
);
