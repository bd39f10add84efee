import { expect, test } from '@jest/globals';
import { watchServices } from '../chaos/services.ts';
import { runEngine, shopWorld } from './world.ts';

test('zones that AWS left uneven are evened out with drained nodes before AZRebalance resumes', async () => {
  const world = await shopWorld({
    factor: 4,
    account: ({ groups: [general] }) => {
      if (!general) return;
      general.desired = 6;
      general.max = 8;
      // AWS chooses the zones, and the last two old nodes are both in the third one.
      general.overrides = [{ instanceType: 'm5.large' }];
    },
  });
  const services = watchServices(world);
  const zones = () =>
    world.cluster.aws
      .membersOf('shop-general')
      .map((i) => i.zone.at(-1))
      .sort()
      .join('');
  expect(zones()).toBe('aabbcc');
  const run = await runEngine(world, { 'max-surge': '2', canary: 'false' });
  expect(run.failure).toBe('');
  expect(run.log.join('\n')).toMatch('before AZRebalance does it without draining');
  expect(world.outdated()).toEqual([]);
  expect(world.changed()).toEqual([]);
  expect(zones()).toBe('aabbcc');
  const nodes = world.cluster.store.list('nodes').map((n) => n.metadata.name);
  await world.clock.advance(600_000);
  expect(world.cluster.store.list('nodes').map((n) => n.metadata.name)).toEqual(nodes);
  expect(services.failures).toEqual([]);
});
