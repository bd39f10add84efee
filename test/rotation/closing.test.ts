import { expect, test } from '@jest/globals';
import { nodeReady } from '../../src/cluster/members.ts';
import type { Node } from '../../src/cluster/objects.ts';
import { runEngine, shopWorld } from './world.ts';

const closed = ({ spec }: Node): boolean =>
  (spec.taints ?? []).some((t) => t.key === 'eks-rolling' && t.effect === 'NoSchedule');
const avoided = ({ spec }: Node): boolean =>
  (spec.taints ?? []).some((t) => t.key === 'eks-rolling' && t.effect === 'PreferNoSchedule');

test('no node is closed to pods before its replacement is there, none is cordoned early, and pods avoid all that leave', async () => {
  const world = await shopWorld({ factor: 4 });
  const { store } = world.cluster;
  const outdated = new Set(world.outdated());
  const wrong: string[] = [];
  let fewestOpen = Number.POSITIVE_INFINITY;
  let mostClosed = 0;
  store.subscribe('nodes', () => {
    const nodes = store.list('nodes');
    const shut = nodes.filter((n) => closed(n) && nodeReady(n));
    mostClosed = Math.max(mostClosed, shut.length);
    for (const n of nodes)
      if (n.spec.unschedulable && !closed(n)) wrong.push(`${n.metadata.name} was cordoned`);
    if (shut.length === 0) return;
    const open = nodes.filter((n) => nodeReady(n) && !closed(n));
    fewestOpen = Math.min(fewestOpen, open.length);
    for (const n of open)
      if (outdated.has(n.metadata.name) && !avoided(n)) wrong.push(`${n.metadata.name} was not avoided`);
  });
  expect((await runEngine(world, { 'max-surge': '1' })).outputs.verdict).toBe('completed');
  expect(wrong).toEqual([]);
  // One of each group at a time, and as many as before take pods all the while.
  expect([fewestOpen, mostClosed]).toEqual([7, 2]);
});

test('cluster-autoscaler and AZRebalance are off from the first new node to the last old one, and then as before', async () => {
  const world = await shopWorld({ factor: 4 });
  const { store, aws } = world.cluster;
  const ref = { namespace: 'kube-system', name: 'cluster-autoscaler' };
  const autoscalers = () =>
    store.list('pods', { namespace: 'kube-system' }).filter((p) => p.metadata.name.startsWith(ref.name));
  expect(autoscalers()).toHaveLength(1);
  const old = new Set(world.outdated());
  const seen = new Set<string>();
  store.subscribe('nodes', () => {
    const nodes = store.list('nodes').map((n) => n.metadata.name);
    if (nodes.every((name) => old.has(name)) || !nodes.some((name) => old.has(name))) return;
    const pods = autoscalers();
    seen.add(`${store.get('deployments', ref)?.spec.replicas} replicas, ${pods.length} pods`);
    for (const { name, suspended } of aws.groups.values())
      if (!suspended.has('AZRebalance')) seen.add(`AZRebalance of ${name}`);
  });
  expect((await runEngine(world)).outputs.verdict).toBe('completed');
  expect([...seen]).toEqual(['0 replicas, 0 pods']);
  expect(world.changed()).toEqual([]);
});
