import { describe, expect, test } from '@jest/globals';
import { budget, deployment, type Manifest } from '../../../src/rehearsal/scenario/objects.ts';
import type { PlanOutput } from '../../../src/rotation/forecast/output.ts';
import { ledger } from '../workloads.ts';
import { runEngine, shopWorld, type WorldOptions } from '../world.ts';

/** Ten pods that leave one by one, each lingering: its budget takes longer than any boot. */
const crowd: Manifest[] = [
  deployment({
    namespace: 'shop',
    name: 'crowd',
    image: 'web',
    replicas: 24,
    port: 8080,
    readyPath: '/ready',
    lingerSeconds: 20,
  }),
  budget('shop', 'crowd', { maxUnavailable: 1 }),
];

const worlds: [string, WorldOptions, Record<string, string>][] = [
  ['as it is', {}, {}],
  ['with other dice', { seed: 7 }, {}],
  ['with volumes', { seed: 3, more: ledger }, {}],
  ['with a tight budget', { seed: 4, more: crowd }, {}],
  ['with an interval and a soak', { seed: 5, factor: 4 }, { interval: '2m', soak: '1m' }],
  ['where all leave at once', { seed: 6 }, { 'max-surge': '100%', canary: 'false' }],
  ['without surge', { seed: 8 }, { 'max-surge': '0', 'max-unavailable': '1' }],
  ['with volumes and larger waves', { seed: 9, more: ledger }, { 'max-surge': '2', 'max-unavailable': '1' }],
];

describe('the predicted duration', () => {
  test.each(worlds)('is right within a factor of 1.5 in a world %s', async (_, options, inputs) => {
    const world = await shopWorld(options);
    const plan = await runEngine(world, { phase: 'plan', ...inputs });
    expect([plan.failure, plan.writes()]).toEqual(['', 0]);
    const { forecast } = JSON.parse(plan.outputs.plan ?? '') as PlanOutput;
    const started = world.clock.now();
    expect((await runEngine(world, inputs)).failure).toBe('');
    const ratio = ((forecast?.seconds ?? 0) * 1000) / (world.clock.now() - started);
    expect(ratio).toBeGreaterThan(1 / 1.5);
    expect(ratio).toBeLessThan(1.5);
  });
});
