import { expect, test } from '@jest/globals';
import type { Aws, Group, GroupInstance } from '../../src/cluster/ports.ts';
import { planRotation } from '../../src/rotation/plan.ts';
import { surge } from '../../src/rotation/surge.ts';
import { lookAround } from '../../src/rotation/view.ts';
import { fakePods } from './fake-context.ts';
import { group, node } from './objects.ts';

const old: GroupInstance[] = ['1', '2', '3'].map((id) => ({
  id: `i-${id}`,
  zone: 'a',
  lifecycle: 'InService',
  healthy: true,
  protectedFromScaleIn: false,
  template: { id: 'lt-1', version: '1' },
}));
const seen = group({ desired: 3, max: 20, canLaunchInZone: false, instances: old });

/** What is set as desired size when the group has this one by the time the surge asks, and what max is raised to. */
async function setWhen(now: Partial<Group>): Promise<{ desired?: number; max?: number }> {
  const { context, clock } = fakePods([], undefined, [], { nodes: ['1', '2', '3'].map((id) => node(id)) });
  const set: { desired?: number; max?: number } = {};
  const aws: Partial<Aws> = {
    groups: async (_, { fresh } = {}) => [fresh ? { ...seen, ...now } : seen],
    instances: async () => [],
    resize: async (_, size) => {
      Object.assign(set, size);
      if (size.desired !== undefined) throw new Error('seen');
    },
  };
  context.aws = aws as Aws;
  const { groups, members } = await lookAround(context, { names: ['general'] });
  const plan = planRotation(groups, members, { maxSurge: 1, maxUnavailable: 0, canary: false });
  const failure = surge(context, plan, members.slice(0, 1)).then(String, (error: Error) => error.message);
  expect(await clock.run(failure)).toBe('seen');
  return set;
}

test('a group that has grown since it was looked at is not set back to the size that was seen', async () => {
  expect(await setWhen({ desired: 3 })).toEqual({ desired: 4 });
  expect(await setWhen({ desired: 12 })).toEqual({ desired: 13 });
  expect(await setWhen({ desired: 20 })).toEqual({ desired: 21, max: 21 });
  // An answer of AWS may also be older than what is known already.
  expect(await setWhen({ desired: 2 })).toEqual({ desired: 4 });
});
