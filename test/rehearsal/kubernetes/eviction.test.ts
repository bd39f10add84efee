import { beforeEach, describe, expect, test } from '@jest/globals';
import type { PodDisruptionBudget } from '../../../src/cluster/objects.ts';
import type { Kubernetes } from '../../../src/cluster/ports.ts';
import { inProcessKubernetes } from '../../../src/rehearsal/kubernetes/in-process.ts';
import { createStore } from '../../../src/rehearsal/kubernetes/memory-store.ts';
import { Registry } from '../../../src/rehearsal/kubernetes/registry.ts';
import type { Store } from '../../../src/rehearsal/kubernetes/store.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';

let store: Store;
let kubernetes: Kubernetes;

beforeEach(() => {
  const clock = new VirtualClock();
  store = createStore({ clock, random: new Random(1) });
  kubernetes = inProcessKubernetes(new Registry(store, clock));
  store.create('namespaces', { metadata: { name: 'shop' } });
});

function pod(phase: 'Running' | 'Pending' | 'Succeeded' = 'Running', ready = true): string {
  const object = store.create('pods', {
    metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
    spec: { nodeName: 'a', containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  });
  return object.metadata.uid ?? '';
}

function budget(
  name: string,
  status: Partial<PodDisruptionBudget['status']>,
  spec: Partial<PodDisruptionBudget['spec']> = {},
): void {
  store.create('poddisruptionbudgets', {
    metadata: { name, namespace: 'shop' },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
      ...status,
    },
  });
}

const evict = (uid: string, dryRun = false) =>
  kubernetes.evict({ namespace: 'shop', name: 'web', uid }, { dryRun });
const leaving = () =>
  store.get('pods', { namespace: 'shop', name: 'web' })?.metadata.deletionTimestamp !== undefined;

describe('an eviction', () => {
  test('gives a pod without a budget its deletion timestamp', async () => {
    expect(await evict(pod())).toEqual({ kind: 'accepted' });
    expect(leaving()).toBe(true);
  });

  test('finds a pod gone when another one has its name', async () => {
    pod();
    expect(await evict('another-uid')).toEqual({ kind: 'gone' });
    expect(leaving()).toBe(false);
  });

  test('uses the budget up', async () => {
    const uid = pod();
    budget('b', { disruptionsAllowed: 1 });
    expect(await evict(uid)).toEqual({ kind: 'accepted' });
    expect(store.get('poddisruptionbudgets', { namespace: 'shop', name: 'b' })?.status).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { web: expect.any(String) },
    });
  });

  test('is refused with the numbers of a full budget', async () => {
    const uid = pod();
    budget('b', {});
    expect(await evict(uid)).toEqual({
      kind: 'budget',
      message: 'The disruption budget b needs 1 healthy pods and has 1 currently',
    });
  });

  test('must wait for a budget that was just changed', async () => {
    const uid = pod();
    budget('b', { observedGeneration: 0, disruptionsAllowed: 5 });
    expect(await evict(uid)).toMatchObject({ kind: 'budget', retryAfterSeconds: 10 });
  });

  test('never succeeds with two budgets', async () => {
    const uid = pod();
    budget('a', { disruptionsAllowed: 1 });
    budget('b', { disruptionsAllowed: 1 });
    expect((await evict(uid)).kind).toBe('several-budgets');
  });

  test.each(['Pending', 'Succeeded'] as const)('does not ask the budget for a %s pod', async (phase) => {
    const uid = pod(phase);
    budget('b', {});
    expect(await evict(uid)).toEqual({ kind: 'accepted' });
  });

  test('lets an unready pod go when the others are enough, or the budget always allows it', async () => {
    const uid = pod('Running', false);
    budget('b', { currentHealthy: 0 });
    expect((await evict(uid)).kind).toBe('budget');
    store.modify('poddisruptionbudgets', { namespace: 'shop', name: 'b' }, (b) => {
      b.spec.unhealthyPodEvictionPolicy = 'AlwaysAllow';
    });
    expect((await evict(uid)).kind).toBe('accepted');
  });

  test('changes nothing in a dry run', async () => {
    const uid = pod();
    budget('b', { disruptionsAllowed: 1 });
    expect(await evict(uid, true)).toEqual({ kind: 'accepted' });
    expect(leaving()).toBe(false);
    expect(
      store.get('poddisruptionbudgets', { namespace: 'shop', name: 'b' })?.status?.disruptionsAllowed,
    ).toBe(1);
  });
});
