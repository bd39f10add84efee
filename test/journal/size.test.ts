import { expect, test } from '@jest/globals';
import { openJournal, readJournal } from '../../src/journal/config-map-journal.ts';
import type { Json } from '../../src/journal/journal.ts';
import { inProcessKubernetes } from '../../src/rehearsal/kubernetes/in-process.ts';
import { createStore } from '../../src/rehearsal/kubernetes/memory-store.ts';
import { Registry } from '../../src/rehearsal/kubernetes/registry.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';
import { Random } from '../../src/rehearsal/world/random.ts';
import { planRotation } from '../../src/rotation/plan.ts';
import { group, member, node } from '../rotation/objects.ts';

const longName = 'production-shop-general-workers-eu-west-1a';
const limits = { maxSurge: 25, maxUnavailable: 0, canary: true };

/** What a rotation of so many nodes writes, with names as long as those of a real cluster. */
function planOf(nodes: number): Json {
  const random = new Random(1);
  const address = (n: number) => `ip-10-${(n >> 8) % 256}-${n % 256}-${n % 199}.eu-west-1.compute.internal`;
  const members = Array.from({ length: nodes }, (_, n) =>
    member(random.hex(17), {
      group: longName,
      zone: `eu-west-1${'abc'[n % 3]}`,
      node: node(address(n)),
    }),
  );
  return planRotation(
    [group({ name: longName, desired: nodes, max: nodes })],
    members,
    limits,
  ) as unknown as Json;
}

/** The journal of a run with this plan, twice: a rollback writes one of its own beside it. */
async function written(nodes: number) {
  const clock = new VirtualClock();
  const store = createStore({ clock, random: new Random(1) });
  if (!store.get('namespaces', { name: 'kube-system' }))
    store.create('namespaces', { metadata: { name: 'kube-system' } });
  const kubernetes = inProcessKubernetes(new Registry(store, clock));
  const journal = await openJournal(kubernetes, clock, 'run');
  const plan = planOf(nodes);
  await journal.before('group/general/max', 10);
  await journal.note('plan', plan);
  await journal.note('return-plan', plan);
  const { data = {}, binaryData = {} } = store.get('configmaps', {
    namespace: 'kube-system',
    name: 'eks-rolling-run',
  }) ?? { data: {} };
  const texts = Object.values(data).map((text) => Buffer.byteLength(text));
  const packed = Object.values(binaryData).map((text) => Buffer.from(text, 'base64').length);
  const bytes = [...texts, ...packed].reduce((sum, n) => sum + n, 0);
  return {
    clock,
    kubernetes,
    journal,
    plan,
    keys: [...Object.keys(data), ...Object.keys(binaryData)],
    bytes,
  };
}

test.each([1000, 3000, 5000])(
  'the plan of a rotation of %i nodes, and that of its rollback, take less than half of what a ConfigMap holds',
  async (nodes) => {
    const { bytes, kubernetes, clock, plan } = await written(nodes);
    expect(bytes).toBeLessThan(512 * 1024);
    expect(bytes).toBeGreaterThan(nodes * 10);
    const read = await readJournal(kubernetes, 'run');
    expect(read?.noted('plan')).toEqual(plan);
    expect(read?.valueBefore('group/general/max')).toBe(10);
    expect((await openJournal(kubernetes, clock, 'run')).noted('return-plan')).toEqual(plan);
  },
);

test('people can read the journal of a cluster that is not large', async () => {
  expect((await written(100)).keys).toEqual(['journal']);
});

test('a journal that has grown too large to be read becomes readable again when it shrinks', async () => {
  const { journal, kubernetes } = await written(1000);
  await journal.note('plan', null);
  await journal.note('return-plan', null);
  const map = await kubernetes.get('configmaps', { namespace: 'kube-system', name: 'eks-rolling-run' });
  expect(Object.keys(map?.binaryData ?? {})).toEqual([]);
  expect(JSON.parse(map?.data?.journal ?? '').notes).toEqual({ plan: null, 'return-plan': null });
});
