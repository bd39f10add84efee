import { expect, test } from '@jest/globals';
import { instanceIdOf } from '../../src/cluster/members.ts';
import { pdbNeverAllows } from '../../src/rehearsal/faults/pdb-never-allows.ts';
import { stuckHook } from '../../src/rehearsal/faults/stuck-hook.ts';
import { deployment, type Manifest, service } from '../../src/rehearsal/scenario/objects.ts';
import { taintKey } from '../../src/rotation/context.ts';
import { excludeLabel } from '../../src/rotation/load-balancers.ts';
import { watchServices } from '../chaos/services.ts';
import { runEngine, shopWorld, startEngine, type World } from './world.ts';

/** A Service whose load balancer sends its requests to nodes. */
const front: Manifest[] = [
  deployment({ namespace: 'shop', name: 'front', image: 'front', replicas: 3, port: 8080 }),
  service({ namespace: 'shop', name: 'front', port: 8080, throughNodes: 'anywhere' }),
];

/** The nodes whose instances are on their way out, and whether anything may be scheduled there. */
const leaving = ({ cluster: { aws, store } }: World) =>
  store
    .list('nodes')
    .filter((n) => aws.instances.get(instanceIdOf(n) ?? '')?.lifecycle.startsWith('Terminat'));

test.each(['restore', 'keep'])(
  'nothing moves back onto a node whose instance hangs in a lifecycle hook: on-failure %s',
  async (onFailure) => {
    const world = await shopWorld({ fault: stuckHook, factor: 2 });
    const services = watchServices(world);
    const run = await runEngine(world, { 'terminate-timeout': '2m', 'on-failure': onFailure });
    expect(run.failure).toMatch('terminate-timeout');
    if (onFailure === 'keep') expect((await runEngine(world, { phase: 'restore' })).failure).toBe('');
    const closed = leaving(world);
    expect(closed.length).toBeGreaterThan(0);
    expect(closed.filter((n) => !n.spec.unschedulable).map((n) => n.metadata.name)).toEqual([]);
    expect(world.changed()).toEqual([]);
    // All that could not go on moves: the hook is completed.
    world.cluster.fault.end();
    await world.clock.advance(120_000);
    expect(leaving(world)).toEqual([]);
    expect(services.failures).toEqual([]);
  },
);

test('a run that goes on does not open the node of a new instance that a restore has begun to take away', async () => {
  const world = await shopWorld({ fault: stuckHook, factor: 2 });
  const until = async (happened: () => boolean) => {
    for (let n = 0; n < 4000 && !happened(); n++) await world.clock.advance(250);
  };
  const run = startEngine(world);
  await until(() => run.log.some((l) => l.startsWith('Wave 1: ')));
  run.kill();
  const restore = startEngine(world, { phase: 'restore' });
  await until(() => leaving(world).length > 0);
  restore.kill();
  const names = leaving(world).map((n) => n.metadata.name);
  expect(names.length).toBeGreaterThan(0);
  const again = startEngine(world);
  await until(() => again.log.some((l) => l.startsWith('Wave 1: ')));
  for (const name of names) expect(world.cluster.store.get('nodes', { name })?.spec.unschedulable).toBe(true);
  world.cluster.fault.end();
  expect(await world.clock.run(again.ended)).toBe('');
  expect(world.outdated()).toEqual([]);
});

test('a Node that is deleted while load balancers let go of it is taken out again', async () => {
  const world = await shopWorld({ factor: 2, more: front });
  await world.clock.advance(60_000);
  const { store } = world.cluster;
  const run = startEngine(world);
  const excluded = () => store.list('nodes').find((n) => n.metadata.labels?.[excludeLabel]);
  for (let n = 0; n < 4000 && !excluded(); n++) await world.clock.advance(100);
  const name = excluded()?.metadata.name ?? '';
  expect(name).not.toBe('');
  store.remove('nodes', { name });
  expect(await world.clock.run(run.ended)).toBe('');
  expect(world.outdated()).toEqual([]);
});

test('a Node that was deleted while it was drained, and then is left out, takes no pods of other old nodes', async () => {
  const world = await shopWorld({ factor: 2, fault: pdbNeverAllows });
  const { store } = world.cluster;
  const run = startEngine(world, { 'on-blocked': 'skip', 'drain-timeout': '1m' });
  const ledger = () => store.get('pods', { namespace: 'shop', name: 'ledger-0' })?.spec.nodeName ?? '';
  const node = () => store.get('nodes', { name: ledger() });
  const isDrained = () => node()?.spec.taints?.some((t) => t.key === taintKey && t.effect === 'NoSchedule');
  for (let n = 0; n < 8000 && !isDrained(); n++) await world.clock.advance(250);
  const name = ledger();
  // Its pod comes back onto the very node: nothing else of its kind is there.
  store.modify('nodes', { name }, (draft) => {
    draft.spec.taints = (draft.spec.taints ?? []).filter((t) => t.key !== taintKey);
  });
  for (let n = 0; n < 8000 && !run.log.some((l) => l.startsWith(`Node ${name} is left out`)); n++)
    await world.clock.advance(250);
  await world.clock.advance(5000);
  expect(store.get('nodes', { name })?.spec.taints).toContainEqual(
    expect.objectContaining({ key: taintKey, effect: 'PreferNoSchedule' }),
  );
  await world.clock.run(run.ended);
  expect(run.outputs.verdict).toBe('incomplete');
});
