import { describe, expect, test } from '@jest/globals';
import type { Node, PersistentVolume, Pod } from '../../src/cluster/objects.ts';
import { isReady } from '../../src/cluster/pods.ts';
import { statefulSet } from '../../src/rehearsal/scenario/objects.ts';
import { boundByVolumes, ownNodeOf } from '../../src/rotation/not-yet.ts';
import { member } from './objects.ts';
import { runEngine, shopWorld, type World } from './world.ts';

const node = (name: string, zone: string, ready = true): Node =>
  ({
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Node;

const volumeIn = (zone: string): { pod: Pod; volume: PersistentVolume } => ({
  pod: { metadata: { name: 'db-0', namespace: 'shop' }, spec: { containers: [] } },
  volume: {
    metadata: { name: 'pv-1' },
    spec: {
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: [zone] }] },
          ],
        },
      },
    },
  } as unknown as PersistentVolume,
});

describe('a node with a volume of its zone', () => {
  const old = node('old', 'a');
  const leaving = [{ ...member('i-old', { zone: 'a' }), node: old }];
  const held = (...others: Node[]) => [
    ...boundByVolumes(leaving, [old, ...others], () => [volumeIn('a')]).values(),
  ];

  test('must wait while it is the last one there', () => {
    expect(held(node('far', 'b'))).toEqual(['volume pv-1 of pod shop/db-0 can follow to no other node']);
    expect(held(node('late', 'a', false))).toHaveLength(1);
    expect(held({ ...node('cordoned', 'a'), spec: { unschedulable: true } })).toHaveLength(1);
  });

  test('may leave when another one there is ready', () => {
    expect(held(node('near', 'a'))).toEqual([]);
  });
});

describe('where AWS chooses the zones', () => {
  const db = statefulSet({ namespace: 'shop', name: 'db', image: 'web', replicas: 3, volume: '/data' });
  const mixed = (seed: number): Promise<World> =>
    shopWorld({
      seed,
      factor: 4,
      more: [db],
      account: ({ groups }) => {
        groups.pop();
        const [general] = groups;
        if (!general) return;
        general.overrides = [{ instanceType: 'm5.large' }];
        general.desired = 3;
        general.max = 9;
      },
    });

  test.each([1, 2, 3, 4, 5, 6])(
    'the last node of a zone leaves when its volumes can follow, with as many more as zones (seed %i)',
    async (seed) => {
      const world = await mixed(seed);
      const run = await runEngine(world, { 'max-surge': '3', 'drain-timeout': '3m' });
      expect(run.failure).toBe('');
      expect(world.outdated()).toEqual([]);
      expect(world.changed()).toEqual([]);
      const pods = world.cluster.store.list('pods', { namespace: 'shop', labelSelector: 'app=db' });
      expect(pods.filter(isReady)).toHaveLength(3);
    },
  );

  test('and they never can, the rotation says how many more nodes it needs', async () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      const world = await mixed(seed);
      const run = await runEngine(world, { 'max-surge': '1', 'drain-timeout': '3m' });
      if (run.failure) failures.push(run.failure);
      expect(world.changed()).toEqual([]);
      const pods = world.cluster.store.list('pods', { namespace: 'shop', labelSelector: 'app=db' });
      expect(pods.filter(isReady)).toHaveLength(3);
    }
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures)
      expect(failure).toMatch(
        /in eu-west-1\w cannot leave: volume \S+ of pod shop\/db-\d can follow to no other node, and AWS chose other zones .* Raise max-surge to 3,/,
      );
  });
});

describe('a runner that is a pod of the cluster', () => {
  const runner = {
    metadata: { name: 'runner-1', namespace: 'ci' },
    spec: { nodeName: 'one', containers: [] },
    status: { podIP: '10.0.0.9' },
  } as unknown as Pod;

  test('is known by name and address', () => {
    const self = { hostname: 'runner-1', addresses: ['127.0.0.1', '10.0.0.9'] };
    expect(ownNodeOf(self, [runner])).toBe('one');
    expect(ownNodeOf({ ...self, addresses: ['192.168.1.2'] }, [runner])).toBeUndefined();
    expect(ownNodeOf({ ...self, hostname: 'elsewhere' }, [runner])).toBeUndefined();
  });

  test('keeps its node to the last, and leaves it to the next run', async () => {
    const world = await shopWorld({ factor: 4 });
    const [pod] = world.cluster.store.list('pods', { namespace: 'shop', labelSelector: 'app=web' });
    const own = pod?.spec.nodeName ?? '';
    world.self = { hostname: pod?.metadata.name ?? '', addresses: [pod?.status?.podIP ?? ''] };
    const first = await runEngine(world, { 'max-surge': '2' });
    expect(first.failure).toBe('');
    expect(first.outputs).toMatchObject({ verdict: 'incomplete', complete: 'false', remaining: '1' });
    expect(world.outdated()).toEqual([own]);
    expect(first.log).toContainEqual(expect.stringMatching(`This runner is a pod on ${own}`));
    expect(
      world.cluster.store.get('pods', { namespace: 'shop', name: pod?.metadata.name ?? '' }),
    ).toBeDefined();
    // The next runner cannot start there.
    expect(world.cluster.store.get('nodes', { name: own })?.spec.taints).toContainEqual({
      key: 'eks-rolling',
      value: first.outputs['run-id'],
      effect: 'NoSchedule',
    });

    delete world.self;
    const second = await runEngine(world);
    expect(second.outputs).toMatchObject({ verdict: 'completed', 'run-id': first.outputs['run-id'] });
    expect(world.outdated()).toEqual([]);
    expect(world.changed()).toEqual([]);
  });
});
