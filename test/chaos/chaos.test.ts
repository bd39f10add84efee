import { expect, test } from '@jest/globals';
import { destroyingFaults, faults } from '../../src/rehearsal/faults/index.ts';
import { draw } from './draw.ts';
import { play } from './play.ts';

/** Between them they have every fault, every kind of group, and engines that were killed and stopped. */
const seeds = [2, 3, 4, 9, 10, 22, 55, 60, 70, 82, 91, 120];

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

test('these seeds have every fault', () => {
  const seen = new Set(seeds.flatMap((seed) => draw(seed).faults.map((f) => f.name)));
  expect([...faults, ...destroyingFaults].map((f) => f.name).filter((name) => !seen.has(name))).toEqual([]);
});

test(
  'a seed replays exactly',
  async () => {
    const { log } = await play(55);
    expect(log).toEqual(logs.get(55) ?? (await play(55)).log);
    expect(log.length).toBeGreaterThan(20);
  },
  patienceMs,
);
