import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../src/clock.ts';
import { kubernetesClient } from '../../src/kubernetes/client.ts';
import { createStore } from '../../src/rehearsal/kubernetes/memory-store.ts';
import { Registry } from '../../src/rehearsal/kubernetes/registry.ts';
import { type ApiServer, startApiServer } from '../../src/rehearsal/kubernetes/server.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';
import { Random } from '../../src/rehearsal/world/random.ts';

const world = new VirtualClock();
const registry = new Registry(createStore({ clock: world, random: new Random(1) }), world);
/** How many requests the server still refuses to answer. */
let away = 0;
let server: ApiServer;
const impatient: Clock = { now: () => 0, sleep: async () => {} };

beforeAll(async () => {
  registry.store.create('namespaces', { metadata: { name: 'kube-system' } });
  server = await startApiServer({
    registry,
    portForward: async () => Promise.reject(new Error('no pods')),
    intercept: () => (away-- > 0 ? 'no connection' : undefined),
  });
});
afterAll(() => server.close());

const client = () => {
  const config = new KubeConfig();
  config.loadFromString(server.kubeconfig('shop'));
  return kubernetesClient({ config: async () => config }, impatient, new AbortController().signal);
};

test('a create with a name is sent again when its connection breaks', async () => {
  away = 2;
  await client().create('configmaps', { metadata: { namespace: 'kube-system', name: 'journal' } });
  expect(registry.store.list('configmaps').map((c) => c.metadata.name)).toEqual(['journal']);
});

test('one whose name the server makes up is not, because it may be there already', async () => {
  away = 1;
  const metadata = { namespace: 'kube-system', name: '', generateName: 'twice-' };
  await expect(client().create('configmaps', { metadata })).rejects.toThrow();
  expect(away).toBe(0);
});
