import { describe, expect, test } from '@jest/globals';
import { fits } from '../../src/rotation/time-budget.ts';
import { runEngine, shopWorld, type World } from './world.ts';

describe('another wave', () => {
  test('fits when it ends in time, if it lasts as long as the longest so far', () => {
    expect(fits(0, 60, 100)).toBe(true);
    expect(fits(40, 60, 100)).toBe(true);
    expect(fits(41, 60, 100)).toBe(false);
  });

  test('may begin while there is time at all, when there was none before', () => {
    expect(fits(99, 0, 100)).toBe(true);
    expect(fits(100, 0, 100)).toBe(false);
  });
});

describe('a rotation whose time is up', () => {
  const annotation = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';
  const autoscaler = ({ cluster }: World) =>
    cluster.store.get('deployments', { namespace: 'kube-system', name: 'cluster-autoscaler' })?.spec.replicas;
  const kept = ({ cluster }: World) =>
    cluster.store
      .list('nodes')
      .filter((n) => n.metadata.annotations?.[annotation] === 'true')
      .map((n) => n.metadata.name);

  test('rests between two waves with everything as before, and goes on when it is run again', async () => {
    const world = await shopWorld({ factor: 4 });
    const first = await runEngine(world, { 'time-budget': '2m' });
    expect(first.failure).toBe('');
    expect(first.outputs).toMatchObject({ verdict: 'incomplete', complete: 'false', 'not-restored': '[]' });
    const left = Number(first.outputs.remaining);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(7);
    expect(world.outdated()).toHaveLength(left);
    expect(first.summary()).toMatch('Run the workflow again to go on with this run');
    // Nobody sees that a run is under way, but for the new nodes that cluster-autoscaler must leave alone.
    expect(autoscaler(world)).toBe(1);
    expect(kept(world)).toHaveLength(7 - left);
    expect(world.changed().filter((line) => !line.includes('scale-down-disabled'))).toEqual([]);
    expect(world.lease()?.metadata.annotations?.['eks-rolling/state']).toBe('parked');

    const second = await runEngine(world);
    expect(second.failure).toBe('');
    expect(second.outputs).toMatchObject({
      verdict: 'completed',
      complete: 'true',
      remaining: '0',
      'run-id': first.outputs['run-id'],
      replaced: String(left),
    });
    expect(kept(world)).toEqual([]);
    expect(world.changed()).toEqual([]);
    expect(world.lease()).toBeUndefined();
  });

  test('can be put back instead: what was replaced stays replaced', async () => {
    const world = await shopWorld({ factor: 4 });
    const first = await runEngine(world, { 'time-budget': '2m' });
    const restored = await runEngine(world, { phase: 'restore' });
    expect(restored.outputs.verdict).toBe('restored');
    expect(world.outdated()).toHaveLength(Number(first.outputs.remaining));
    expect(kept(world)).toEqual([]);
    expect(world.changed()).toEqual([]);
  });

  test('leaves what somebody has said about scale-down, and says nothing without cluster-autoscaler', async () => {
    const world = await shopWorld({ factor: 4 });
    await runEngine(world, { 'time-budget': '2m', 'cluster-autoscaler': 'none' });
    expect(kept(world)).toEqual([]);
    const { store } = world.cluster;
    const [fresh] = store.list('nodes').filter((n) => !world.outdated().includes(n.metadata.name));
    store.modify('nodes', { name: fresh?.metadata.name ?? '' }, (node) => {
      node.metadata.annotations = { ...node.metadata.annotations, [annotation]: 'true' };
    });
    expect((await runEngine(world)).outputs.verdict).toBe('completed');
    expect(kept(world)).toEqual([fresh?.metadata.name]);
  });
});
