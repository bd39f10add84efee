import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Node } from '../../../src/cluster/objects.ts';
import { createStore } from '../../../src/rehearsal/kubernetes/memory-store.ts';
import { Registry } from '../../../src/rehearsal/kubernetes/registry.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';

let registry: Registry;
const name = 'node-a';
const taint = (key: string) => ({ key, effect: 'NoSchedule' as const });

beforeEach(() => {
  const clock = new VirtualClock();
  registry = new Registry(createStore({ clock, random: new Random(1) }), clock);
  const node: Node = { metadata: { name, labels: { a: '1' } }, spec: { taints: [taint('theirs')] } };
  registry.create('nodes', node);
});

describe('the embedded API', () => {
  test('draws another name when the one that it drew is taken', () => {
    const draws = ['first', 'first', 'other'];
    class Loaded extends Random {
      override suffix(): string {
        return draws.shift() ?? '';
      }
    }
    const store = createStore({ clock: new VirtualClock(), random: new Loaded(1) });
    const make = () =>
      store.create('configmaps', { metadata: { name: '', generateName: 'a-', namespace: 'default' } });
    expect([make(), make()].map((o) => o.metadata.name)).toEqual(['a-first', 'a-other']);
  });

  test('refuses an update of an object that has changed since it was read', () => {
    const read = registry.get('nodes', { name });
    registry.patch('nodes', { name }, { type: 'merge', body: { metadata: { labels: { b: '2' } } } });
    expect(() => registry.update('nodes', read)).toThrow(/the object has been modified/);
  });

  test.each(['merge', 'strategic'] as const)(
    'replaces all taints of a node with a %s patch, as the real one does',
    (type) => {
      const patched = registry.patch(
        'nodes',
        { name },
        { type, body: { spec: { taints: [taint('ours')] } } },
      );
      expect(patched.spec.taints).toEqual([taint('ours')]);
    },
  );

  test('keeps other taints with a JSON patch that tests before it adds', () => {
    const body = [
      { op: 'test', path: '/spec/taints/0/key', value: 'theirs' },
      { op: 'add', path: '/spec/taints/-', value: taint('ours') },
    ];
    const { taints = [] } = registry.patch('nodes', { name }, { type: 'json', body }).spec;
    expect(taints.map((t) => t.key)).toEqual(['theirs', 'node.kubernetes.io/not-ready', 'ours']);
    const wrong = [{ op: 'test', path: '/spec/taints/0/key', value: 'nobody' }];
    expect(() => registry.patch('nodes', { name }, { type: 'json', body: wrong })).toThrow();
  });

  test('joins containers by name in a strategic patch', () => {
    registry.create('namespaces', { metadata: { name: 'shop' } });
    const containers = [
      { name: 'a', image: '1' },
      { name: 'b', image: '1' },
    ];
    registry.create('deployments', {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: {}, template: { spec: { containers } } },
    });
    const body = { spec: { template: { spec: { containers: [{ name: 'b', image: '2' }] } } } };
    const patched = registry.patch(
      'deployments',
      { namespace: 'shop', name: 'web' },
      { type: 'strategic', body },
    );
    expect(patched.spec.template.spec.containers.map((c) => c.image)).toEqual(['1', '2']);
    expect(patched.metadata.generation).toBe(2);
  });

  test('does nothing in a dry run', () => {
    registry.patch(
      'nodes',
      { name },
      { type: 'merge', body: { metadata: { labels: { a: '9' } } } },
      { dryRun: true },
    );
    registry.remove('nodes', { name }, { dryRun: true });
    expect(registry.get('nodes', { name }).metadata.labels).toEqual({ a: '1' });
  });

  test('says that a watch is too old when its history has gone', () => {
    for (let i = 0; i < 6000; i++)
      registry.patch('nodes', { name }, { type: 'merge', body: { metadata: { labels: { i: String(i) } } } });
    expect(registry.store.since('nodes', 2) === 'expired').toBe(true);
    expect(registry.store.since('nodes', registry.store.revision - 1)).toMatchObject({
      events: [{ type: 'MODIFIED' }],
    });
  });

  test('takes dependants along when their owner goes', () => {
    registry.create('namespaces', { metadata: { name: 'shop' } });
    const metadata = { name: 'x', namespace: 'shop' };
    const owner = registry.create('replicasets', {
      metadata,
      spec: { selector: {}, template: { spec: { containers: [] } } },
    });
    const ownerReferences = [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'x',
        uid: owner.metadata.uid ?? '',
        controller: true,
      },
    ];
    registry.create('pods', { metadata: { ...metadata, ownerReferences }, spec: { containers: [] } });
    registry.remove('replicasets', metadata);
    expect(registry.list('pods', {})).toEqual([]);
  });
});
