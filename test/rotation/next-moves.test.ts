import { describe, expect, test } from '@jest/globals';
import type { Member } from '../../src/cluster/members.ts';
import { taintKey } from '../../src/rotation/context.ts';
import { type GroupNow, heldByZone, nextMoves, type Situation } from '../../src/rotation/next-moves.ts';
import { planRotation, type WaveLimits } from '../../src/rotation/plan.ts';
import { group, member, node } from './objects.ts';

const limits = { maxSurge: 1, maxUnavailable: 0, canary: false };
const before = ['1', '2', '3', '4'].map((id, n) => member(id, { zone: 'ab'[n % 2] as string }));
const [plan] = planRotation([group({ desired: 4 })], before, limits).groups;
if (!plan) throw new Error('There is no plan.');

const fresh = (id: string, zone = 'a'): Member => member(id, { state: 'current', zone });
const leaving = (id: string): Member => member(id, { state: 'leaving' });

/** Whom they would move, as the ids of members and the zones of launches. */
function moves(
  members: Member[],
  {
    unready = [],
    bound = [],
    ...given
  }: Partial<{ unready: string[]; bound: string[] }> &
    Partial<Omit<Situation, 'unready' | 'bound' | 'groups'>> &
    Partial<GroupNow> & { limits?: Partial<WaveLimits> } = {},
): { launch: string[]; leave: string[] } {
  const { size = 4, canLaunchInZone = true, onTrial = false } = given;
  const situation: Situation = {
    groups: [{ planned: plan as GroupNow['planned'], size, members, canLaunchInZone, onTrial }],
    unready: new Set(unready.map((id) => `i-${id}`)),
    bound: new Set(bound.map((id) => `i-${id}`)),
    timeTo: given.timeTo ?? { launch: true, leave: true },
    inWaves: given.inWaves ?? false,
    fitting: given.fitting ?? Number.POSITIVE_INFINITY,
  };
  const { launch, leave } = nextMoves(situation, { ...limits, ...given.limits });
  return { launch: launch.flatMap((l) => l.zones), leave: leave.map((m) => m.instanceId.slice(2)) };
}

describe('what can be done next', () => {
  test('is to launch as many as max-surge allows, in the zones of those that leave first', () => {
    expect(moves(before)).toEqual({ launch: ['a'], leave: [] });
    expect(moves(before, { limits: { maxSurge: 3 } })).toEqual({ launch: ['a', 'b', 'a'], leave: [] });
    expect(moves(before, { limits: { maxSurge: 9 } }).launch).toHaveLength(4);
  });

  test('is that one leaves for each new node that serves, beside it', () => {
    const grown = [...before, fresh('5', 'b'), fresh('6', 'a')];
    expect(moves(grown, { unready: ['6'], limits: { maxSurge: 2 } })).toEqual({ launch: [], leave: ['2'] });
    expect(moves(grown, { limits: { maxSurge: 2 } })).toEqual({ launch: [], leave: ['1', '2'] });
  });

  test('is to launch the next one only when the one that left is gone', () => {
    const left = [leaving('1'), ...before.slice(1), fresh('5')];
    expect(moves(left)).toEqual({ launch: [], leave: [] });
    expect(moves(left.slice(1))).toEqual({ launch: ['b'], leave: [] });
  });

  test('is that so many leave without a replacement as max-unavailable says, and no more before theirs serve', () => {
    const loose = { limits: { maxSurge: 0, maxUnavailable: 2 } };
    expect(moves(before, loose)).toEqual({ launch: [], leave: ['1', '2'] });
    const refilled = [...before.slice(2), fresh('5'), fresh('6', 'b')];
    expect(moves(refilled, { ...loose, unready: ['5', '6'] }).leave).toEqual([]);
    expect(moves(refilled, { ...loose, unready: ['6'] }).leave).toEqual(['3']);
  });

  test('is that no more leave without a replacement than new nodes have room for, nor than there are slots', () => {
    const loose = { limits: { maxSurge: 2, maxUnavailable: 2 } };
    expect(moves(before, { ...loose, fitting: 0 })).toEqual({ launch: ['a', 'b'], leave: [] });
    expect(moves(before, { ...loose, fitting: 1 })).toEqual({ launch: ['b'], leave: ['1'] });
    expect(moves(before, loose)).toEqual({ launch: [], leave: ['1', '2'] });
    const busy = [leaving('1'), ...before.slice(1), fresh('5')];
    expect(moves(busy, { ...loose, unready: ['5'] })).toEqual({ launch: [], leave: ['2'] });
  });

  test('is one node alone as long as the group is on trial', () => {
    const trial = { onTrial: true, limits: { maxSurge: 3, maxUnavailable: 1 } };
    expect(moves(before, trial)).toEqual({ launch: ['a'], leave: [] });
    expect(moves([...before, fresh('5'), fresh('6', 'b')], trial)).toEqual({ launch: [], leave: ['1'] });
    expect(moves(before, { onTrial: true, limits: { maxSurge: 0, maxUnavailable: 3 } }).leave).toEqual(['1']);
  });

  test('is no more at once than max-at-once says, those that shut down included', () => {
    const tight = { limits: { maxSurge: 4, maxAtOnce: 2 } };
    expect(moves(before, tight).launch).toHaveLength(2);
    expect(moves([leaving('1'), ...before.slice(1), fresh('5')], tight).launch).toHaveLength(1);
    expect(moves(before, { limits: { maxSurge: 0, maxUnavailable: 4, maxAtOnce: 2 } }).leave).toHaveLength(2);
  });

  test('is nothing new when there is no time, but those leave whose replacements serve', () => {
    const late = { timeTo: { launch: false, leave: true }, limits: { maxSurge: 2, maxUnavailable: 1 } };
    expect(moves([...before, fresh('5')], late)).toEqual({ launch: [], leave: ['1'] });
    expect(
      moves([...before, fresh('5')], { ...late, timeTo: { launch: false, leave: false } }).leave,
    ).toEqual([]);
  });

  test('is a whole wave where there is a pause after each', () => {
    const paused = { inWaves: true, limits: { maxSurge: 2 } };
    const grown = [...before, fresh('5', 'b'), fresh('6', 'a')];
    expect(moves([...before, fresh('5', 'b')], paused)).toEqual({ launch: ['a'], leave: [] });
    expect(moves(grown, { ...paused, unready: ['6'] }).leave).toEqual([]);
    expect(moves(grown, paused).leave).toEqual(['1', '2']);
  });

  test('is first to see those off that have begun to leave', () => {
    const taints = [{ key: taintKey, value: 'run', effect: 'NoSchedule' as const }];
    const begun = member('3', { zone: 'a', node: node('3', { taints }) });
    const members = before.map((m) => (m.instanceId === 'i-3' ? begun : m));
    expect(moves([...members, fresh('5', 'a')]).leave).toEqual(['3']);
  });

  test('takes nobody whose volumes could follow nowhere, and says who is held by nothing else', () => {
    const members = [...before, fresh('5', 'b')];
    expect(moves(members, { bound: ['1', '3'] }).leave).toEqual(['2']);
    const all = new Set(before.map((m) => m.instanceId));
    const held = (more: Member[], unready: string[] = []) =>
      heldByZone(
        {
          groups: [
            {
              planned: plan as GroupNow['planned'],
              size: 4,
              members: [...before, ...more],
              canLaunchInZone: false,
              onTrial: false,
            },
          ],
          unready: new Set(unready),
          bound: all,
          timeTo: { launch: true, leave: true },
          inWaves: false,
          fitting: 0,
        },
        limits,
      ).map((m) => m.instanceId);
    expect(held([fresh('5', 'b')])).toEqual(['i-2']);
    expect(held([fresh('5', 'b')], ['i-5'])).toEqual([]);
    expect(held([])).toEqual([]);
  });

  test('keeps a group as small as somebody has made it', () => {
    const smaller = before.slice(1);
    expect(moves(smaller, { size: 3 })).toEqual({ launch: ['b'], leave: [] });
    expect(moves([...smaller, fresh('5', 'b')], { size: 3 })).toEqual({ launch: [], leave: ['2'] });
  });
});
