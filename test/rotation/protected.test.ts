import { expect, test } from '@jest/globals';
import { runEngine, shopWorld } from './world.ts';

test('instances that are protected from scale-in are replaced: they leave by id, and nothing scales in', async () => {
  const world = await shopWorld({
    factor: 4,
    released: ({ aws }) => {
      for (const instance of aws.instances.values()) instance.protectedFromScaleIn = true;
    },
  });
  const { failure, outputs } = await runEngine(world);
  expect([failure, outputs.verdict, world.outdated(), world.changed()]).toEqual(['', 'completed', [], []]);
});
