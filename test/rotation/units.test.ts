import { expect, test } from '@jest/globals';
import { runEngine, shopWorld } from './world.ts';

const weighted = (weight: string) => ({
  account: ({ groups: [general] }: { groups: object[] }) =>
    void Object.assign(general ?? {}, {
      overrides: [{ instanceType: 'm5.large', weight }, { instanceType: 'm5.xlarge' }],
    }),
  factor: 4,
});

test.each(['plan', 'all'])('a group whose size counts weights is refused by phase %s', async (phase) => {
  const world = await shopWorld(weighted('2'));
  const { failure } = await runEngine(world, { phase });
  expect(failure).toContain('shop-general: the size counts weights, vCPUs or memory, not instances');
  expect(world.outdated()).toHaveLength(7);
  expect(world.changed()).toEqual([]);
});

test('a group in which every type has the weight 1 counts instances', async () => {
  const world = await shopWorld(weighted('1'));
  const { failure, outputs } = await runEngine(world);
  expect([failure, outputs.verdict, world.outdated()]).toEqual(['', 'completed', []]);
});
