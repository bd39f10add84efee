import { describe, expect, test } from '@jest/globals';
import type { Member } from '../../src/cluster/members.ts';
import type { Pod } from '../../src/cluster/objects.ts';
import { budget, deployment } from '../../src/rehearsal/scenario/objects.ts';
import { fitting } from '../../src/rotation/room.ts';
import { member, node, pod } from './objects.ts';
import { runEngine, shopWorld } from './world.ts';

const fresh = (id: string, allocatable: Record<string, string>): Member =>
  member(id, { state: 'current', node: { ...node(id), status: { ...node(id).status, allocatable } } });

const asks = (on: string, cpu: string, given: Partial<Pod['spec']> = {}): Pod => {
  const one = pod(`${on}-${cpu}`, { node: on });
  return {
    ...one,
    spec: {
      ...one.spec,
      containers: [{ name: 'main', image: 'web', resources: { requests: { cpu, memory: '1Gi' } } }],
      ...given,
    },
  };
};

/** How many of the old nodes 1 to 3 fit onto one new node, which runs what is given. */
function howMany(
  pods: Pod[],
  allocatable = { cpu: '4', memory: '16Gi', pods: '10' },
  sure: string[] = [],
): number {
  const on = Map.groupBy(pods, (p) => p.spec.nodeName ?? '');
  const old = ['1', '2', '3'].map((id) => member(id));
  return fitting(
    [fresh('new', allocatable)],
    old.filter((m) => sure.includes(m.node?.metadata.name ?? '')),
    old.filter((m) => !sure.includes(m.node?.metadata.name ?? '')),
    (name) => on.get(name) ?? [],
  );
}

describe('new nodes have room for the pods of as many', () => {
  const one = ['1', '2', '3'].map((id) => asks(id, '1500m'));

  test('as their CPU, their memory and their number of pods allow', () => {
    expect(howMany(one)).toBe(2);
    expect(howMany(one, { cpu: '40', memory: '1500Mi', pods: '10' })).toBe(1);
    expect(howMany(one, { cpu: '40', memory: '16Gi', pods: '2' })).toBe(2);
    expect(howMany([])).toBe(3);
  });

  test('besides what they run, and what comes from members that have a replacement', () => {
    expect(howMany([...one, asks('new', '2')])).toBe(1);
    expect(howMany(one, { cpu: '4', memory: '16Gi', pods: '10' }, ['1'])).toBe(1);
  });

  test('with init containers, sidecars and overhead', () => {
    const container = (cpu: string, more = {}) => ({
      name: 'c',
      image: 'c',
      resources: { requests: { cpu } },
      ...more,
    });
    const asking = (spec: Partial<Pod['spec']>) => howMany([asks('1', '1', spec)]);
    expect(asking({ initContainers: [container('5')] })).toBe(0);
    expect(asking({ initContainers: [container('3')] })).toBe(3);
    expect(asking({ initContainers: [container('3', { restartPolicy: 'Always' })] })).toBe(3);
    expect(asking({ initContainers: [container('4', { restartPolicy: 'Always' })] })).toBe(0);
    expect(asking({ overhead: { cpu: '3500m' } })).toBe(0);
  });
});

test('with max-unavailable and max-surge no pod has to move twice', async () => {
  const busy = [
    deployment({ namespace: 'shop', name: 'busy', image: 'busy', replicas: 6, cpu: '300m' }),
    budget('shop', 'busy', { maxUnavailable: 2 }),
  ];
  const world = await shopWorld({ more: busy, factor: 2 });
  const moved = new Map<string, number>();
  world.cluster.store.subscribe('pods', ({ object, previous }) => {
    const evicted = object.status?.conditions?.some((c) => c.reason === 'EvictionByEvictionAPI');
    if (!evicted || previous?.status?.conditions?.some((c) => c.reason === 'EvictionByEvictionAPI')) return;
    const name = object.metadata.labels?.app ?? '';
    if (name === 'busy') moved.set(name, (moved.get(name) ?? 0) + 1);
  });
  const run = await runEngine(world, { 'max-surge': '1', 'max-unavailable': '2', canary: 'false' });
  expect(run.failure).toBe('');
  expect(world.outdated()).toEqual([]);
  expect(moved.get('busy')).toBe(6);
});
