import { describe, expect, test } from '@jest/globals';
import type { Member } from '../../src/cluster/members.ts';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { Random } from '../../src/rehearsal/world/random.ts';
import { planRotation } from '../../src/rotation/plan.ts';
import { group, member } from './objects.ts';
import { runEngine, shopWorld } from './world.ts';

/** A member in a state that a group may have it in. */
const states: Record<string, Partial<Member>> = {
  outdated: {},
  current: { state: 'current' },
  warm: { state: 'joining', lifecycle: 'Warmed:Stopped', upToDate: false },
  terminating: { state: 'leaving', lifecycle: 'Terminating:Wait' },
  standby: { state: 'standby', lifecycle: 'Standby' },
  orphaned: { state: 'orphaned' },
};
const kinds = Object.keys(states);
const limits = [
  { maxSurge: 1, maxUnavailable: 0, canary: true },
  { maxSurge: 0, maxUnavailable: 1, canary: false },
  { maxSurge: '100%', maxUnavailable: '50%', canary: true },
  { maxSurge: 3, maxUnavailable: 0, canary: false, maxAtOnce: 2 },
];

const sizes = [0, 1, 2, 7];
const uniform = kinds.flatMap((kind) => sizes.map((size) => [kind, size] as const));

describe('the plan of a group of any size', () => {
  test.each(uniform)('in which all are %s, of %i members', (kind, size) => {
    const members = Array.from({ length: size }, (_, n) =>
      member(String(n), { ...states[kind], zone: 'ab'[n % 2] ?? 'a' }),
    );
    for (const limit of limits) {
      const { waves, groups } = planRotation([group({ desired: size })], members, limit);
      expect(waves.flat()).toHaveLength(kind === 'outdated' ? size : 0);
      expect(groups[0]?.peak).toBeGreaterThanOrEqual(size);
    }
  });

  test('takes each outdated member once and nobody else, within its limits, whatever else is in the group', () => {
    const random = new Random(7);
    const upTo = (n: number) => Math.floor(random.between(0, n + 1));
    for (let round = 0; round < 300; round++) {
      const members = Array.from({ length: upTo(12) }, (_, n) =>
        member(String(n), {
          ...states[kinds[upTo(kinds.length - 1)] ?? 'outdated'],
          zone: 'abc'[upTo(2)] ?? 'a',
          group: ['general', 'data'][upTo(1)] ?? 'general',
        }),
      );
      const outdated = members.filter((m) => m.state === 'outdated').map((m) => m.instanceId);
      const groups = ['general', 'data'].map((name) =>
        group({ name, desired: members.filter((m) => m.group === name && m.state !== 'standby').length }),
      );
      for (const limit of limits) {
        const { waves } = planRotation(groups, members, limit);
        expect(
          waves
            .flat()
            .map((m) => m.instanceId)
            .sort(),
        ).toEqual(outdated.sort());
        for (const wave of waves) expect(wave.length).toBeGreaterThan(0);
      }
    }
  });
});

describe('a rotation of a group', () => {
  const sized =
    (desired: number) =>
    ({ groups }: AwsDescription): void => {
      const data = groups.at(-1);
      if (data) Object.assign(data, { min: 0, desired });
    };

  test.each([0, 1])('of %i members', async (desired) => {
    const world = await shopWorld({ factor: 4, account: sized(desired) });
    const run = await runEngine(world);
    expect([run.failure, run.outputs.verdict, run.outputs.replaced]).toEqual([
      '',
      'completed',
      String(4 + desired),
    ]);
    expect([world.outdated(), world.changed()]).toEqual([[], []]);
  });

  test.each(['Standby', 'Terminating:Wait'] as const)('whose members are all %s', async (lifecycle) => {
    const world = await shopWorld({
      factor: 4,
      released: ({ aws }) => {
        for (const instance of aws.membersOf('shop-data')) instance.lifecycle = lifecycle;
      },
    });
    const run = await runEngine(world, { groups: 'shop-data' });
    expect([run.failure, run.outputs.verdict]).toEqual(['', 'nothing-to-do']);
    expect(world.outdated()).toHaveLength(7);
    expect(world.changed()).toEqual([]);
  });

  test('without any member at all', async () => {
    const world = await shopWorld({ factor: 4, account: sized(0) });
    const run = await runEngine(world, { groups: 'shop-data' });
    expect([run.failure, run.outputs.verdict]).toEqual(['', 'nothing-to-do']);
    expect(world.changed()).toEqual([]);
  });
});
