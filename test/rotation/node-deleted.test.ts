import { expect, test } from '@jest/globals';
import { instanceIdOf } from '../../src/cluster/members.ts';
import { watchServices } from '../chaos/services.ts';
import { shopWorld, startEngine, type World } from './world.ts';

/** Deletes the first Node that the condition holds for; its kubelet registers it again. Returns its name. */
async function deleteNode(world: World, log: string[], words: RegExp): Promise<string> {
  const { store, fault } = world.cluster;
  for (let n = 0; n < 5000; n++) {
    const node = store
      .list('nodes')
      .find((o) => o.spec.taints?.some((t) => t.key === 'eks-rolling' && t.effect === 'NoSchedule'));
    if (node && words.test(log.join('\n'))) {
      fault.destroys(instanceIdOf(node) ?? '');
      store.remove('nodes', { name: node.metadata.name });
      return node.metadata.name;
    }
    await world.clock.advance(250);
  }
  throw new Error('No node was drained.');
}

test('a Node that is deleted while it is drained is closed again, and its pods do not go round in circles', async () => {
  const world = await shopWorld({ factor: 2 });
  const services = watchServices(world);
  const run = startEngine(world);
  const name = await deleteNode(world, run.log, /Wave 1/);
  expect(await world.clock.run(run.ended)).toBe('');
  expect(run.log).toContain(`The taint of ${name} is gone, as after a Node was deleted; setting it again.`);
  expect(services.failures).toEqual([]);
  expect(world.outdated()).toEqual([]);
  expect(world.changed()).toEqual([]);
});

test('a pod that came onto a node after it was drained is evicted before the node is terminated', async () => {
  const world = await shopWorld({ factor: 4 });
  const { store, registry } = world.cluster;
  const run = startEngine(world, { soak: '1m' });
  for (let n = 0; n < 2000 && !/soak/i.test(run.log.join('\n')); n++) await world.clock.advance(250);
  const drained = store
    .list('nodes')
    .find((o) => o.spec.taints?.some((t) => t.key === 'eks-rolling' && t.effect === 'NoSchedule'));
  const nodeName = drained?.metadata.name ?? '';
  // Whoever names the node goes past the scheduler and its taints.
  registry.create('pods', {
    metadata: { namespace: 'shop', name: 'late' },
    spec: { nodeName, containers: [{ name: 'late', image: 'late' }] },
  });
  const reasons: string[] = [];
  store.subscribe('pods', ({ type, object }) => {
    if (object.metadata.name !== 'late') return;
    reasons.push(type, ...(object.status?.conditions ?? []).map((c) => c.reason ?? ''));
  });
  expect(await world.clock.run(run.ended)).toBe('');
  expect(run.log).toContain(`shop/late came onto ${nodeName} after it was drained; draining it again.`);
  expect(reasons).toContain('EvictionByEvictionAPI');
  expect(store.get('pods', { namespace: 'shop', name: 'late' })).toBeUndefined();
  expect(world.outdated()).toEqual([]);
});
