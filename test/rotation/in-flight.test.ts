import { describe, expect, test } from '@jest/globals';
import type { Member } from '../../src/cluster/members.ts';
import type { Group, GroupInstance } from '../../src/cluster/ports.ts';
import { InFlight } from '../../src/rotation/in-flight.ts';
import { planRotation } from '../../src/rotation/plan.ts';
import { group, member } from './objects.ts';

const limits = { maxSurge: 1, maxUnavailable: 0, canary: false };
const old = ['1', '2'].map((id, n) => member(id, { zone: 'ab'[n] as string }));
const plan = planRotation([group({ desired: 2 })], old, limits);

const instance = ({ instanceId, zone, lifecycle }: Member): GroupInstance => ({
  id: instanceId,
  zone,
  lifecycle,
  healthy: true,
  protectedFromScaleIn: false,
});

/** What is known when AWS shows these members, and Nodes stand behind all that have one. */
function see(flight: InFlight, members: Member[], now: number, desired = members.length) {
  const groups: Group[] = [group({ desired, instances: members.map(instance) })];
  const nodes = new Set(members.flatMap((m) => m.node?.metadata.name ?? []));
  const known = flight.look(plan, groups, members, nodes, now);
  return {
    states: known.members.map((m) => `${m.instanceId} ${m.state}`),
    coming: known.coming.get('general'),
    gone: known.gone.map((g) => g.member.instanceId),
  };
}

const fresh = member('3', { state: 'current', zone: 'a' });

describe('what a rotation has asked AWS for', () => {
  test('comes, until it is seen', () => {
    const flight = new InFlight();
    see(flight, old, 0);
    flight.launched('general', ['a'], 1000);
    expect(see(flight, old, 1000)).toMatchObject({ coming: 1 });
    expect(see(flight, old, 2000).states.at(-1)).toBe('expected 1 of general joining');
    expect(flight.comingSince('general')).toBe(1000);
    expect(see(flight, [...old, fresh], 3000)).toMatchObject({ coming: 0 });
    expect(flight.comingSince('general')).toBeUndefined();
  });

  test('is not asked for again when an older answer hides it, and is missing when it stays away', () => {
    const flight = new InFlight();
    see(flight, old, 0);
    flight.launched('general', ['a'], 0);
    see(flight, [...old, fresh], 1000);
    expect(see(flight, old, 5000).coming).toBe(1);
    expect(see(flight, [...old, fresh], 6000).coming).toBe(0);
    expect(see(flight, old, 30_000).coming).toBe(0);
  });

  test('comes also where the group replaces what failed', () => {
    const flight = new InFlight();
    expect(see(flight, old, 0, 3).coming).toBe(1);
  });

  test('is leaving from when it was told to, whatever AWS still shows, and gone with its Node', () => {
    const flight = new InFlight();
    const [one, two] = old as [Member, Member];
    see(flight, old, 0);
    flight.terminated([one], 1000);
    expect(see(flight, old, 2000, 1).states).toEqual(['i-1 leaving', 'i-2 outdated']);
    const without = flight.look(
      plan,
      [group({ desired: 1, instances: [instance(two)] })],
      [two],
      new Set(['1', '2']),
      3000,
    );
    expect(without.gone).toEqual([]);
    expect(see(flight, [two], 4000).gone).toEqual(['i-1']);
    expect(flight.leaving).toEqual([]);
  });

  test('is no member any more once it is gone, though an older answer shows its instance', () => {
    const flight = new InFlight();
    const [one, two] = old as [Member, Member];
    flight.terminated([one], 0);
    see(flight, [two], 1000);
    const { node: _, ...bare } = one;
    expect(see(flight, [{ ...bare, state: 'orphaned' }, two], 2000, 1).states).toEqual(['i-2 outdated']);
  });

  test('must not be back in service', () => {
    const flight = new InFlight();
    const [one, two] = old as [Member, Member];
    flight.terminated([one], 0);
    see(flight, [two], 1000);
    expect(() => see(flight, [one, two], 60_000)).toThrow(
      'Instance i-1 of general was terminated and is still in service; look at its lifecycle hooks',
    );
  });

  test('says nothing of what others terminate', () => {
    const flight = new InFlight();
    expect(see(flight, [...old, member('9', { state: 'leaving', lifecycle: 'Terminating' })], 0, 2)).toEqual({
      states: ['i-1 outdated', 'i-2 outdated'],
      coming: 0,
      gone: [],
    });
  });
});
