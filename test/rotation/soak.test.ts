import { describe, expect, test } from '@jest/globals';
import type { Node } from '../../src/cluster/objects.ts';
import type { Aws, Kubernetes } from '../../src/cluster/ports.ts';
import { deployment } from '../../src/rehearsal/scenario/objects.ts';
import { soak, soakKey, soakLeftMs } from '../../src/rotation/soak.ts';
import { fakePods } from './fake-context.ts';
import { type Engine, runEngine, shopWorld, startEngine, type World } from './world.ts';

const minute = 60_000;

const soaking = ({ cluster }: World): Node[] =>
  cluster.store.list('nodes').filter((n) => n.metadata.annotations?.[soakKey]);

const evictable = ({ cluster }: World, node: string) =>
  cluster.store
    .list('pods')
    .filter((p) => p.spec.nodeName === node && p.metadata.ownerReferences?.[0]?.kind !== 'DaemonSet');

/** Plays until the first nodes soak. */
async function untilSoaking(world: World): Promise<Node[]> {
  for (let n = 0; soaking(world).length === 0 && n < 2000; n++) await world.clock.advance(500);
  expect(soaking(world).length).toBeGreaterThan(0);
  return soaking(world);
}

const started = (world: World, inputs: Record<string, string> = {}): Engine =>
  startEngine(world, { soak: '10m', 'gate-timeout': '1m', ...inputs });

function expectAsBefore(world: World, old: readonly string[]): void {
  expect(world.outdated().sort()).toEqual([...old].sort());
  expect(world.changed()).toEqual([]);
  expect(soaking(world)).toEqual([]);
  expect(world.lease()).toBeUndefined();
  expect(world.fewestReady('web')).toBeGreaterThanOrEqual(4);
  expect(world.fewestReady('checkout')).toBeGreaterThanOrEqual(1);
}

/** A Deployment that can run nowhere. */
const trouble = () =>
  deployment({ namespace: 'shop', name: 'late', image: 'late', replicas: 1, nodeSelector: { role: 'none' } });

describe('what is left of a soak', () => {
  const node = (since?: number): Node => ({
    metadata: {
      name: 'n',
      ...(since === undefined ? {} : { annotations: { [soakKey]: new Date(since).toISOString() } }),
    },
    spec: {},
  });

  test('is all of it when none has begun, and what the last one still needs', () => {
    expect(soakLeftMs([node()], 600, 5000)).toBe(600);
    expect(soakLeftMs([node(4000), node(4900)], 600, 5000)).toBe(500);
    expect(soakLeftMs([node(1000)], 600, 5000)).toBe(0);
    expect(soakLeftMs([node(9000)], 600, 5000)).toBe(600);
    expect(soakLeftMs([], 0, 5000)).toBe(0);
  });
});

describe('drained nodes that soak', () => {
  test('stay, tainted and empty, for that long before they are terminated', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = started(world);
    const [node] = await untilSoaking(world);
    const name = node?.metadata.name ?? '';
    await world.clock.advance(9.5 * minute);
    const there = world.cluster.store.get('nodes', { name });
    expect(there?.spec.taints).toContainEqual(
      expect.objectContaining({ key: 'eks-rolling', effect: 'NoSchedule' }),
    );
    expect(there?.spec.unschedulable).toBeUndefined();
    expect(evictable(world, name)).toEqual([]);
    await world.clock.advance(2 * minute);
    expect(world.cluster.store.get('nodes', { name })).toBeUndefined();
    expect(await world.clock.run(run.ended)).toBe('');
    expectAsBefore(world, []);
  });

  test('are still there when the cluster gets worse, and everything is put back around them', async () => {
    const world = await shopWorld({ factor: 4 });
    const old = world.outdated();
    const run = started(world);
    await untilSoaking(world);
    await world.clock.advance(minute);
    world.cluster.apply([trouble()]);
    const failure = await world.clock.run(run.ended);
    expect(failure).toMatch(
      /soaked, the cluster was worse than before for 1m \(gate-timeout\): Deployment shop\/late/,
    );
    expect(failure).toMatch('The old nodes are still there.');
    expect(run.outputs).toMatchObject({ verdict: 'failed', replaced: '0' });
    expectAsBefore(world, old);
  });

  test('wait for a trouble that passes within gate-timeout', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = started(world, { 'gate-timeout': '3m' });
    await untilSoaking(world);
    await world.clock.advance(8 * minute);
    world.cluster.apply([trouble()]);
    await world.clock.advance(2.5 * minute);
    expect(soaking(world)).toHaveLength(2);
    world.cluster.store.modify('deployments', { namespace: 'shop', name: 'late' }, (d) => {
      d.spec.replicas = 0;
    });
    expect(await world.clock.run(run.ended)).toBe('');
    expectAsBefore(world, []);
  });

  test('are still there when the guard says stop', async () => {
    const { context, clock } = fakePods([]);
    const old: Node = {
      metadata: { name: 'old' },
      spec: { taints: [{ key: 'eks-rolling', value: 'run-1', effect: 'NoSchedule' }] },
    };
    const kubernetes: Partial<Kubernetes> = {
      list: async (resource) => ({
        items: (resource === 'nodes' ? [structuredClone(old)] : []) as never[],
        resourceVersion: '1',
      }),
      get: async () => structuredClone(old) as never,
      update: async (_, object) => Object.assign(old, object) as never,
    };
    const aws = { terminate: () => Promise.reject(new Error('nothing may be terminated')) } as Partial<Aws>;
    const stops = () =>
      clock.now() < minute
        ? ({ level: 'ok', reason: '' } as const)
        : ({ level: 'stop', reason: 'one in ten requests fails' } as const);
    const soaked = soak(
      {
        ...context,
        kubernetes: kubernetes as Kubernetes,
        aws: aws as Aws,
        settings: { ...context.settings, soakMs: 10 * minute },
        guard: { verdict: stops },
      },
      [
        {
          group: 'general',
          instanceId: 'i-old',
          zone: 'a',
          lifecycle: 'InService',
          launchedAt: 0,
          imageId: 'ami-1',
          node: old,
          state: 'outdated',
          upToDate: false,
        },
      ],
      new Set(),
    );
    await expect(clock.run(soaked)).rejects.toThrow(/one in ten requests fails/);
    expect(clock.now()).toBeLessThan(1.5 * minute);
    expect(old.metadata.annotations?.[soakKey]).toBe('1970-01-01T00:00:00Z');
  });

  test('are wanted back by whoever takes the taint off: nothing is terminated', async () => {
    const world = await shopWorld({ factor: 4 });
    const old = world.outdated();
    const run = started(world);
    const [node] = await untilSoaking(world);
    world.cluster.store.modify('nodes', { name: node?.metadata.name ?? '' }, (n) => {
      n.spec.taints = n.spec.taints?.filter((t) => t.key !== 'eks-rolling') ?? [];
    });
    expect(await world.clock.run(run.ended)).toMatch(
      `The taint eks-rolling was taken off ${node?.metadata.name} while it soaked`,
    );
    expectAsBefore(world, old);
  });

  test('soak on after SIGKILL, counted from when they were empty', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = started(world);
    const nodes = await untilSoaking(world);
    const since = world.clock.now();
    await world.clock.advance(5 * minute);
    run.kill();
    await world.clock.advance(2 * minute);
    const gone = new Map<string, number>();
    world.cluster.store.subscribe('nodes', ({ type, object }) => {
      if (type === 'DELETED') gone.set(object.metadata.name, world.clock.now());
    });
    const again = await runEngine(world, { soak: '10m' });
    expect(again.failure).toBe('');
    for (const { metadata } of nodes) {
      expect(gone.get(metadata.name)).toBeGreaterThanOrEqual(since + 10 * minute - 1000);
      expect(gone.get(metadata.name)).toBeLessThan(since + 12 * minute);
    }
    expectAsBefore(world, []);
  });

  test('must fit into the time budget', async () => {
    const world = await shopWorld({ factor: 4 });
    const refused = await runEngine(world, { soak: '1h', 'time-budget': '1h' });
    expect(refused.failure).toMatch('soak: got "1h", expected less than time-budget (1h)');
    expect(refused.writes()).toBe(0);
    const run = await runEngine(world, { soak: '10m', 'time-budget': '20m' });
    expect(run.outputs).toMatchObject({ verdict: 'incomplete', replaced: '2' });
    expect(world.outdated()).toHaveLength(5);
    expect(soaking(world)).toEqual([]);
  });
});
