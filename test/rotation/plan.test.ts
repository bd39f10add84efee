import { describe, expect, test } from '@jest/globals';
import type { Member } from '../../src/cluster/members.ts';
import {
  launchesFor,
  type Plan,
  planRotation,
  type WaveLimits,
  waveSize,
  waveSizes,
  whoLeaves,
} from '../../src/rotation/plan.ts';
import { group, member } from './objects.ts';

const one = { maxSurge: 1, maxUnavailable: 0, canary: false };
const nextWave = (plan: Plan, members: Member[], limits: WaveLimits) =>
  whoLeaves(plan, members, waveSizes(plan, members, limits));
const four = [
  member('1', { zone: 'a' }),
  member('2', { zone: 'b' }),
  member('3', { zone: 'a' }),
  member('4', { zone: 'b' }),
];

describe('the size of a wave', () => {
  test.each<[number | string, number | string, number, { surge: number; size: number }]>([
    [1, 0, 4, { surge: 1, size: 1 }],
    [2, 1, 4, { surge: 2, size: 3 }],
    // As Deployments do: surge rounds up, unavailable down.
    ['25%', '25%', 6, { surge: 2, size: 3 }],
    ['10%', 0, 3, { surge: 1, size: 1 }],
    [0, '10%', 3, { surge: 1, size: 1 }],
    [0, 1, 3, { surge: 0, size: 1 }],
    ['100%', 0, 5, { surge: 5, size: 5 }],
  ])(
    'with max-surge %j and max-unavailable %j of %i nodes',
    (maxSurge, maxUnavailable, desired, expected) => {
      expect(waveSize({ desired }, { maxSurge, maxUnavailable })).toEqual(expected);
    },
  );
});

describe('a plan', () => {
  test('takes one of each group per wave', () => {
    const groups = [group({ desired: 2 }), group({ name: 'data', desired: 1 })];
    const members = [member('1'), member('2'), member('3', { group: 'data' })];
    const plan = planRotation(groups, members, one);
    expect(plan.waves.map((w) => w.map((m) => m.node))).toEqual([['1', '3'], ['2']]);
  });

  test('says the most nodes that there will be at once', () => {
    const peak = (limits: Partial<WaveLimits>, redis: string[] = []) =>
      planRotation([group({ desired: 4 })], four, { ...one, ...limits }, new Set(redis)).groups[0]?.peak;
    expect(peak(one)).toBe(5);
    expect(peak({ maxSurge: '50%', maxUnavailable: 0 })).toBe(6);
    expect(peak({ maxSurge: 9, maxUnavailable: 0 })).toBe(8);
    expect(peak({ maxSurge: 0, maxUnavailable: 1 })).toBe(4);
    expect(peak(one, ['1', '2', '3'])).toBe(7);
    expect(peak({ maxSurge: '100%', maxUnavailable: 0, canary: true })).toBe(7);
  });

  test('begins with one node of each group whose configuration no node runs yet', () => {
    const waves = (members: Member[], limits: Partial<WaveLimits> = {}) =>
      planRotation([group({ desired: 4 })], members, {
        ...one,
        maxSurge: 2,
        canary: true,
        ...limits,
      }).waves.map((w) => w.map((m) => m.node));
    expect(waves(four)).toEqual([['1'], ['2', '3'], ['4']]);
    expect(waves([...four, member('5', { state: 'current' })], { maxSurge: 3 })).toEqual([
      ['1', '2', '3'],
      ['4'],
    ]);
    expect(waves(four, { canary: false })).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
  });

  test('keeps to the limit of all groups together', () => {
    const groups = [group({ desired: 2 }), group({ name: 'data', desired: 1 })];
    const members = [member('1'), member('2'), member('3', { group: 'data' })];
    const plan = planRotation(groups, members, { ...one, maxAtOnce: 1 });
    expect(plan.waves.map((w) => w.map((m) => m.node))).toEqual([['1'], ['2'], ['3']]);
  });

  test('of a group without outdated nodes has no wave and no surge', () => {
    const plan = planRotation([group()], [member('1', { state: 'current' })], one);
    expect(plan.waves).toEqual([]);
    expect(plan.groups[0]?.peak).toBe(3);
  });

  test('has the same digest for the same world, and another for another', () => {
    const digest = (members = four, target = group().target) =>
      planRotation([group({ target })], members, one).digest;
    expect(digest()).toBe(digest());
    expect(digest(four.slice(1))).not.toBe(digest());
    expect(digest(four, { ...group().target, imageId: 'ami-newer' })).not.toBe(digest());
  });
});

describe('replacements', () => {
  const planned = planRotation([group({ desired: 4 })], four, one).groups[0]!;
  const fresh = (id: string, zone: string) => member(id, { zone, state: 'joining', upToDate: true });

  test('are launched in the zones of those that leave', () => {
    expect(launchesFor(planned, four, four.slice(0, 2), true)).toEqual(['a', 'b']);
  });

  test('that are there already, or on their way, are not launched again', () => {
    expect(launchesFor(planned, [...four, fresh('5', 'a')], four.slice(0, 2), true)).toEqual(['b']);
    expect(launchesFor(planned, [...four, fresh('5', 'a'), fresh('6', 'b')], four.slice(0, 2), true)).toEqual(
      [],
    );
  });

  test('are counted for the whole group where AWS chooses the zones', () => {
    const [, , three, four_] = four;
    // The replacement of a member in a came in b: b has one too many, a one too few, and none is spare.
    const uneven = [three, four_, member('2', { zone: 'b' }), fresh('5', 'b')].flatMap((m) => m ?? []);
    expect(launchesFor(planned, uneven, uneven.slice(1, 2), false)).toHaveLength(1);
    expect(launchesFor(planned, [...uneven, fresh('6', 'b')], uneven.slice(0, 1), false)).toEqual([]);
  });

  test('are never fewer than the group needs: a spare that stands for the lack of another zone is none', () => {
    const uneven = ['1', '2', '3'].map((id) => member(id, { zone: 'a' })).concat(member('4', { zone: 'b' }));
    expect(launchesFor(planned, uneven, uneven.slice(0, 1), true)).toEqual(['b']);
    expect(launchesFor(planned, uneven, uneven.slice(0, 2), true)).toEqual(['a', 'b']);
    const alone = ['1', '2', '3', '4'].map((id) => member(id, { zone: 'a' }));
    expect(launchesFor(planned, alone, alone.slice(0, 2), true)).toEqual(['b', 'b']);
  });

  test('are not launched for a member on standby, which counts neither before nor now', () => {
    const members = [...four.slice(1), member('9', { zone: 'a', state: 'standby' })];
    const [group_] = planRotation([group({ desired: 3 })], members, one).groups;
    expect(group_?.zones).toEqual({ a: 1, b: 2 });
    expect(launchesFor(group_!, [...members, fresh('5', 'a')], members.slice(1, 2), true)).toEqual([]);
  });

  test('are still missing while the one that came is leaving again', () => {
    const gone = member('5', { zone: 'a', state: 'leaving' });
    expect(launchesFor(planned, [...four, gone], four.slice(0, 1), true)).toEqual(['a']);
  });
});

describe('the next wave', () => {
  const plan = planRotation([group({ desired: 4 })], four, one);
  const ids = (members: ReturnType<typeof nextWave>) => members.map((m) => m.node?.metadata.name);

  test('is the oldest outdated node', () => {
    expect(ids(nextWave(plan, four, one))).toEqual(['1']);
  });

  test('prefers the zone where a replacement waits already', () => {
    const members = [...four, member('5', { zone: 'b', state: 'current' })];
    expect(ids(nextWave(plan, members, one))).toEqual(['2']);
  });

  test('takes all whose replacements wait, as after making way for Redis', () => {
    const members = [
      ...four,
      member('5', { zone: 'a', state: 'current' }),
      member('6', { zone: 'b', state: 'current' }),
    ];
    expect(ids(nextWave(plan, members, one))).toEqual(['1', '2']);
  });

  test('is all of those whose replacements wait, whatever the limit of all groups', () => {
    const members = [
      ...four,
      member('5', { zone: 'a', state: 'current' }),
      member('6', { zone: 'b', state: 'current' }),
    ];
    expect(ids(nextWave(plan, members, { ...one, maxAtOnce: 1, canary: true }))).toEqual(['1', '2']);
  });

  test('is no larger because zones are uneven', () => {
    const members = ['1', '2', '3', '4'].map((id) => member(id, { zone: 'b' }));
    expect(ids(nextWave(plan, members, one))).toEqual(['1']);
  });

  test('is empty when nothing is outdated, also while the last ones are still leaving', () => {
    expect(
      nextWave(plan, [member('1', { state: 'leaving' }), member('5', { state: 'current' })], one),
    ).toEqual([]);
  });
});
