import { describe, expect, test } from '@jest/globals';
import type { Aws, Group } from '../../src/cluster/ports.ts';
import type { Json } from '../../src/journal/journal.ts';
import { restoreGroups } from '../../src/rotation/groups.ts';
import type { Plan } from '../../src/rotation/plan.ts';

const plan: Plan = {
  groups: [
    {
      name: 'g',
      min: 1,
      max: 4,
      desired: 3,
      peak: 6,
      zones: { a: 2, b: 1 },
      imageId: '',
      template: '',
      outdated: [],
      ran: [],
    },
  ],
  waves: [],
  newest: 0,
  digest: '',
};

async function restored(desired: number, zones = ['a', 'a', 'b']) {
  const calls: string[] = [];
  const entries = new Map<string, Json>([
    ['group/g/max', 4],
    ['group/g/AZRebalance', 'active'],
  ]);
  const aws = {
    groups: async () => [
      {
        name: 'g',
        min: 1,
        max: 6,
        desired,
        zones: ['a', 'b'],
        instances: zones.map((zone) => ({ zone, lifecycle: 'InService' })),
      } as Group,
    ],
    resize: async (_: string, size: { max?: number }) => void calls.push(`max ${size.max}`),
    resume: async (_: string, processes: readonly string[]) => void calls.push(`resume ${processes.join()}`),
  } as Partial<Aws> as Aws;
  const journal = {
    runId: 'r',
    outstanding: () => [...entries].map(([key, value]) => ({ key, value })),
    restored: async (key: string) => void entries.delete(key),
    before: async () => {},
    note: async () => {},
    valueBefore: () => undefined,
    noted: () => undefined,
  };
  return { ...(await restoreGroups({ aws, journal }, plan)), calls, left: [...entries.keys()] };
}

describe('restoring a group', () => {
  test('puts max and AZRebalance back once it has its old size', async () => {
    expect(await restored(3)).toMatchObject({
      calls: ['max 4', 'resume AZRebalance'],
      remaining: [],
      left: [],
    });
  });

  test('keeps both while it is larger, because AWS would terminate a node undrained to even out its zones', async () => {
    const { calls, remaining, left } = await restored(6);
    expect(calls).toEqual([]);
    expect(remaining.join()).toMatch(
      /max of g stays 6.*AZRebalance of g stays suspended: its desired size is still 6 \(it was 3\)/,
    );
    expect(left).toEqual(['group/g/max', 'group/g/AZRebalance']);
  });

  test('keeps AZRebalance suspended while zones are uneven, as they were not before', async () => {
    const { calls, remaining, left } = await restored(3, ['a', 'a', 'a']);
    expect(calls).toEqual(['max 4']);
    expect(remaining.join()).toMatch(/terminate a node undrained, because there are 3 in a, 0 in b/);
    expect(left).toEqual(['group/g/AZRebalance']);
  });
});
