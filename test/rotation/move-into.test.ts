import { describe, expect, test } from '@jest/globals';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { unitOf } from '../../src/rotation/move-into.ts';
import { group } from './objects.ts';
import { runEngine, shopWorld, startEngine, type World, type WorldOptions } from './world.ts';

/** The shop's general nodes are blue; beside them is an empty green group. */
function blueAndGreen({ groups }: AwsDescription): void {
  const [blue] = groups;
  if (!blue) throw new Error('The shop has no groups.');
  groups.push({ ...blue, tags: new Map(blue.tags), name: 'shop-green', min: 0, desired: 0, max: 5 });
}

const world = (options: WorldOptions = {}) => shopWorld({ factor: 4, account: blueAndGreen, ...options });
const inputs = { groups: 'shop-general,shop-green', 'target-group': 'shop-green' };
const sizes = ({ cluster }: World) =>
  ['shop-general', 'shop-green'].map((name) => {
    const { min, desired, max, suspended } = cluster.aws.group(name);
    return { name, min, desired, max, suspended: [...suspended] };
  });
const moved = [
  { name: 'shop-general', min: 0, desired: 0, max: 5, suspended: [] },
  { name: 'shop-green', min: 0, desired: 4, max: 5, suspended: [] },
];

describe('nodes that move into another group', () => {
  test('are replaced there one by one, zone by zone, whatever they run', async () => {
    const w = await world();
    const zones = () =>
      [...w.cluster.aws.instances.values()]
        .filter((i) => ['shop-general', 'shop-green'].includes(i.group) && i.lifecycle === 'InService')
        .map((i) => i.zone)
        .sort();
    const before = zones();
    const run = await runEngine(w, inputs);
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '4', remaining: '0' });
    expect(sizes(w)).toEqual(moved);
    expect(zones()).toEqual(before);
    expect(w.fewestReady('web')).toBeGreaterThan(0);
    expect(run.log).toContainEqual('Lowered min of shop-general from 3 to 2.');
    // What is not about the sizes of the two is as before.
    expect(w.changed().filter((line) => !/shop-(general|green)/.test(line))).toEqual([]);
    expect((await runEngine(w, inputs)).outputs.verdict).toBe('nothing-to-do');
  });

  test.each([4, 9, 14, 19, 24, 29, 34])('go on moving after SIGKILL at write %i', async (afterWrite) => {
    const w = await world();
    const killed = startEngine(w, inputs, { afterWrite });
    for (let n = 0; n < 5000 && !killed.killed(); n++) await w.clock.advance(500);
    expect(killed.killed()).toBe(true);
    const run = await runEngine(w, inputs);
    expect(run.failure).toBe('');
    expect(sizes(w)).toEqual(moved);
    expect(w.changed().filter((line) => !/shop-(general|green)/.test(line))).toEqual([]);
  });

  test('stay where they are when the others cannot, and both groups keep a min that fits', async () => {
    const w = await world();
    const run = startEngine(w, inputs);
    for (let n = 0; n < 5000 && w.cluster.aws.group('shop-green').desired < 2; n++)
      await w.clock.advance(500);
    run.stop();
    await w.clock.run(run.ended);
    const restored = await runEngine(w, { phase: 'restore' });
    expect(restored.failure).toBe('');
    expect(restored.outputs.verdict).toBe('restored');
    const [blue, green] = sizes(w);
    expect((blue?.desired ?? 0) + (green?.desired ?? 0)).toBe(4);
    expect(blue?.min).toBe(Math.min(3, blue?.desired ?? 0));
    expect([blue?.max, green?.max, blue?.suspended, green?.suspended]).toEqual([5, 5, [], []]);
  });

  test.each([
    ['1', '1'],
    ['1', '50%'],
    ['0', '2'],
  ])('lose none on the way, with max-surge %s and max-unavailable %s', async (surge, unavailable) => {
    for (const afterWrite of [undefined, 25, 30, 35, 40]) {
      const w = await world();
      const limits = { ...inputs, 'max-surge': surge, 'max-unavailable': unavailable, canary: 'false' };
      if (afterWrite) {
        const killed = startEngine(w, limits, { afterWrite });
        for (let n = 0; n < 5000 && !killed.killed(); n++) await w.clock.advance(500);
      }
      const run = await runEngine(w, limits);
      expect([afterWrite, run.failure, run.outputs.verdict]).toEqual([afterWrite, '', 'completed']);
      await w.clock.advance(120_000);
      expect(sizes(w)).toEqual(moved);
      expect(w.cluster.aws.membersOf('shop-green')).toHaveLength(4);
    }
  });

  test('are not rolled back but moved the other way', async () => {
    const w = await world();
    const run = await runEngine(w, inputs);
    const back = await runEngine(w, { phase: 'rollback', 'run-id': run.outputs['run-id'] ?? '' });
    expect(back.failure).toMatch(
      /moved nodes into shop-green, .* phase: all and target-group: shop-general\.$/,
    );
    const again = await runEngine(w, { ...inputs, 'target-group': 'shop-general' });
    expect(again.failure).toBe('');
    expect(sizes(w).map((g) => [g.name, g.desired])).toEqual([
      ['shop-general', 4],
      ['shop-green', 0],
    ]);
  });
});

describe('a group cannot take the others', () => {
  const blue = group({ name: 'blue', desired: 3, zones: ['a', 'b'] });
  const at = (zone: string) => ({
    id: `i-${zone}`,
    zone,
    lifecycle: 'InService' as const,
    healthy: true,
    protectedFromScaleIn: false,
  });

  test('when it is not selected, or nothing else is', () => {
    expect(() => unitOf([blue], 'green')).toThrow(
      /target-group: got green, but the selected groups are blue/,
    );
    expect(() => unitOf([blue], 'blue')).toThrow(/select it together with those that are drained into it/);
  });

  test('when its max is too small, or it lacks a zone, and both are said at once', () => {
    const green = group({ name: 'green', desired: 1, max: 3, zones: ['a'] });
    expect(() => unitOf([{ ...blue, instances: [at('a'), at('b')] }, green], 'green')).toThrow(
      'target-group: green cannot take them: its max is 3, and it will have 4 nodes in the end: raise max to 4 or more; it has no subnet in b, where there are nodes to move: add one there.',
    );
  });
});
