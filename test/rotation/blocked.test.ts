import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../src/cluster/objects.ts';
import type { EvictionAnswer } from '../../src/cluster/ports.ts';
import type { RotationSettings } from '../../src/rotation/context.ts';
import { type Drained, drainNodes } from '../../src/rotation/drain.ts';
import { graceOf, mayForce } from '../../src/rotation/force.ts';
import { type FakePods, fakePods, settings } from './fake-context.ts';
import { budget, deployment, pod, replicaSet } from './objects.ts';

const held: EvictionAnswer = {
  kind: 'budget',
  message: 'The disruption budget web needs 1 healthy pods and has 0 currently',
};
const minute = 60_000;

/** Not ready since this moment of the world. */
const unready = (name: string, since: number, node = 'old'): Pod => ({
  ...pod(name, { node }),
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: new Date(since).toISOString() }],
  },
});

async function drain(
  fake: FakePods,
  given: Partial<RotationSettings> = {},
  nodes = ['old'],
): Promise<{ failure: string; drained?: Drained }> {
  fake.context.settings = { ...settings, ...given };
  return fake.clock.run(
    drainNodes(fake.context, nodes).then(
      (drained) => ({ failure: '', drained }),
      (error: Error) => ({ failure: error.message }),
    ),
  );
}

describe('a pod may be deleted past its budget', () => {
  const sick = unready('web-1', 0);
  const budgetSays = { kind: 'budget' } as const;
  test.each<[string, boolean, Parameters<typeof mayForce>]>([
    [
      'when only a budget holds it and it has long not been ready',
      true,
      [sick, budgetSays, 10 * minute, 10 * minute],
    ],
    ['also when several budgets do', true, [sick, { kind: 'several-budgets' }, 10 * minute, 10 * minute]],
    ['not when it has not been ready for less', false, [sick, budgetSays, 10 * minute - 1, 10 * minute]],
    ['not when it is ready', false, [pod('web-1'), budgetSays, 99 * minute, 10 * minute]],
    [
      'not when nobody knows whether it is',
      false,
      [
        {
          ...sick,
          status: {
            conditions: [{ type: 'Ready', status: 'Unknown', lastTransitionTime: '1970-01-01T00:00:00Z' }],
          },
        },
        budgetSays,
        99 * minute,
        10 * minute,
      ],
    ],
    [
      'not when something else than a budget refuses',
      false,
      [sick, { kind: 'refused' }, 99 * minute, 10 * minute],
    ],
    ['not when it was not even asked', false, [sick, undefined, 99 * minute, 10 * minute]],
    ['not when others of it are waited for', false, [sick, { kind: 'held-back' }, 99 * minute, 10 * minute]],
  ])('%s', (_, expected, given) => {
    expect(mayForce(...given)).toBe(expected);
  });

  test('with its own grace, and never with none', () => {
    const of = (terminationGracePeriodSeconds?: number) =>
      graceOf(
        pod('p', {
          spec: {
            containers: [],
            ...(terminationGracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds }),
          },
        }),
      );
    expect([of(120), of(0), of()]).toEqual([120, 1, 30]);
  });
});

describe('with on-blocked: force', () => {
  const force = { onBlocked: 'force', forceUnreadyMs: 30_000 } as const;

  test('it is deleted after drain-timeout, not before, and noted in the journal first', async () => {
    const fake = fakePods([unready('web-1', 0)], () => held, [budget('web', { minAvailable: 1 })]);
    expect((await drain(fake, force)).failure).toBe('');
    expect(fake.deletions).toEqual([{ uid: 'uid-web-1', grace: 30, at: expect.any(Number) }]);
    expect(fake.deletions[0]?.at).toBeGreaterThanOrEqual(minute);
    expect(fake.context.journal.noted('forced')).toEqual({
      'uid-web-1': expect.stringMatching(
        /^Pod shop\/web-1 was deleted past its budget \(on-blocked: force\)/,
      ),
    });
  });

  test('one that becomes ready at the last moment is not deleted', async () => {
    const sick = unready('web-1', 0);
    sick.metadata.resourceVersion = '1';
    const fake = fakePods([sick], () => held, [budget('web', { minAvailable: 1 })]);
    const note = fake.context.journal.note;
    // Between the look and the deletion.
    fake.context.journal.note = async (key, value) => {
      const [present] = fake.pods;
      if (present)
        Object.assign(present, pod('web-1', { node: 'old' }), {
          metadata: { ...present.metadata, resourceVersion: '2' },
        });
      await note(key, value);
    };
    expect((await drain(fake, force)).failure).toMatch(
      'Pod shop/web-1 is held by PodDisruptionBudget shop/web',
    );
    expect(fake.deletions).toEqual([]);
    expect(fake.context.journal.noted('forced')).toEqual({});
  });

  test('a ready pod that is blocked ends the rotation, whatever became of the others', async () => {
    const fake = fakePods([unready('web-1', 0), pod('web-2', { node: 'old' })], () => held, [
      budget('web', { minAvailable: 2 }),
    ]);
    expect((await drain(fake, force)).failure).toMatch('Pod shop/web-2 is held by');
    expect(fake.deletions.map((d) => d.uid)).toEqual(['uid-web-1']);
  });
});

describe('with on-blocked: skip', () => {
  test('only the nodes of blocked pods are left out', async () => {
    const fake = fakePods(
      [pod('web-1', { node: 'old' }), pod('api-1', { node: 'older' })],
      (p) => (p.metadata.name === 'web-1' ? held : { kind: 'accepted' }),
      [budget('web', { minAvailable: 1 })],
    );
    const { drained } = await drain(fake, { onBlocked: 'skip' }, ['old', 'older']);
    expect(drained?.skipped).toEqual([
      {
        node: 'old',
        why: [expect.stringMatching(/^Pod shop\/web-1 is held by PodDisruptionBudget shop\/web, for 1m/)],
      },
    ]);
    expect(fake.pods.map((p) => p.metadata.name)).toEqual(['web-1']);
  });

  test('what waiting cannot help is left out at once', async () => {
    const two: EvictionAnswer = { kind: 'several-budgets', message: 'more than one PodDisruptionBudget' };
    const fake = fakePods([pod('web-1', { node: 'old' })], () => two);
    const { drained } = await drain(fake, { onBlocked: 'skip' });
    expect(drained?.skipped).toHaveLength(1);
    expect(fake.clock.now()).toBeLessThan(5000);
  });
});

describe('of the timeouts', () => {
  test('drain-timeout counts for each pod from when it was asked first, and not while it ends', async () => {
    const slow = pod('web-1', { node: 'old' });
    // It is let go after 50 seconds, and then takes 50 more to end.
    const fake = fakePods([slow], (_, at) => (at < 50_000 ? held : { kind: 'gone' }), [
      budget('web', { minAvailable: 1 }),
    ]);
    fake.clock.after(51_000, () => {
      slow.metadata.deletionTimestamp = new Date(51_000).toISOString();
    });
    fake.clock.after(100_000, () => {
      fake.pods = [];
    });
    expect((await drain(fake)).failure).toBe('');
    expect(fake.clock.now()).toBeGreaterThanOrEqual(100_000);
  });

  test('grace-timeout ends a termination that is within its own grace', async () => {
    const slow = pod('web-1', { node: 'old' });
    slow.metadata.deletionTimestamp = new Date(0).toISOString();
    slow.metadata.deletionGracePeriodSeconds = 3600;
    const { failure } = await drain(fakePods([slow]), {
      timeouts: { ...settings.timeouts, grace: 5 * minute },
    });
    expect(failure).toMatch('after 5m (grace-timeout)');
    expect(failure).toMatch('Pod shop/web-1 is terminating, for 5m so far');
  });

  test('critical pods have all of drain-timeout when their turn comes', async () => {
    const dns = pod('dns-1', { node: 'old' });
    dns.metadata.labels = { 'k8s-app': 'kube-dns', app: 'dns' };
    const fake = fakePods(
      [dns, pod('web-1', { node: 'old' })],
      (p, at) => (at < (p === dns ? 95_000 : 50_000) ? held : { kind: 'accepted' }),
      [budget('web', { minAvailable: 1 }), budget('dns', { minAvailable: 1 })],
    );
    expect((await drain(fake)).failure).toBe('');
  });
});

test('a pod that is held back for others of its Deployment is named with what it waits for', async () => {
  const pods = [1, 2].map((n) => pod(`web-${n}`, { node: 'old', owner: ['ReplicaSet', 'web-rs'] }));
  const fake = fakePods(pods, undefined, [], {
    replicasets: [replicaSet('web')],
    deployments: [deployment('web', { replicas: 2 })],
  });
  const { failure } = await drain(fake);
  expect(failure).toMatch(
    'Pod shop/web-2 is held back, for 1m: Deployment shop/web has no budget and keeps 1 of 2 ready; this pod leaves when one more is (without-budget: careful).',
  );
  expect(failure).toMatch('without-budget: all-at-once');
  expect(fake.evictions.map((e) => e.uid)).toEqual(['uid-web-1']);
});
