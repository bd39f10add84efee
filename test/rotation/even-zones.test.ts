import { expect, test } from '@jest/globals';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { fullZone } from '../../src/rehearsal/faults/full-zone.ts';
import { watchServices } from '../chaos/services.ts';
import { runEngine, shopWorld, startEngine, type World } from './world.ts';

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

/** AWS chooses the zones of this group. */
const mixed = (desired: number) => ({
  factor: 2,
  account: ({ groups: [general] }: AwsDescription) => {
    if (!general) return;
    Object.assign(general, { min: 1, desired, max: desired + 2 });
    general.overrides = [{ instanceType: 'm5.large' }];
  },
});
const stateOf = ({ cluster: { aws } }: World, name: string) => {
  const zones = aws.membersOf(name).map((i) => i.zone.at(-1));
  const causes = aws.group(name).activities.map((a) => a.cause);
  return {
    zones: zones.sort().join(''),
    chosenByAws: causes.filter((c) => /selected for termination/.test(c)),
  };
};

test('AZRebalance stays suspended until AWS has launched what left without a replacement', async () => {
  const world = await shopWorld({ ...mixed(6), fault: fullZone });
  const run = startEngine(world, { 'max-surge': '0', 'max-unavailable': '1' });
  for (let n = 0; n < 4000 && !run.log.some((l) => /^Terminating .* of shop-general/.test(l)); n++)
    await world.clock.advance(250);
  run.stop();
  await world.clock.run(run.ended);
  const restored = await runEngine(world, { phase: 'restore' });
  expect(restored.failure).toMatch(
    /AZRebalance of shop-general stays suspended: 1 instance of its 6 is not launched yet, .* run phase: restore again/,
  );
  expect(world.cluster.aws.group('shop-general').suspended).toContain('AZRebalance');
  world.cluster.fault.end();
  expect((await runEngine(world, { phase: 'restore' })).outputs.verdict).toBe('restored');
  await world.clock.advance(600_000);
  expect(stateOf(world, 'shop-general')).toEqual({ zones: 'aabbcc', chosenByAws: [] });
  expect(world.changed()).toEqual([]);
});

test('a node that was asked for right before the run was stopped is not asked for twice', async () => {
  const world = await shopWorld(mixed(4));
  const desired = () => world.cluster.aws.group('shop-general').desired;
  const run = startEngine(world);
  for (let n = 0; n < 4000 && desired() === 4; n++) await world.clock.advance(50);
  run.stop();
  await world.clock.run(run.ended);
  const again = startEngine(world);
  let most = 0;
  let over = false;
  again.ended.then(() => {
    over = true;
  });
  for (let n = 0; n < 20_000 && !over; n++) {
    await world.clock.advance(250);
    most = Math.max(most, desired());
  }
  expect(await again.ended).toBe('');
  expect(most).toBe(5);
  expect(world.changed()).toEqual([]);
});
