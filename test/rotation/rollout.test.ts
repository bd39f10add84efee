import { describe, expect, test } from '@jest/globals';
import type { Deployment, PodDisruptionBudget } from '../../src/cluster/objects.ts';
import { deploymentsToSurge } from '../../src/rotation/rollout.ts';
import { budget, deployment, pod, replicaSet } from './objects.ts';

const surged = (
  given: Partial<Deployment['spec']>,
  limit: PodDisruptionBudget['spec'] = { minAvailable: 1 },
  volumes: { name: string; persistentVolumeClaim?: { claimName: string } }[] = [],
): boolean =>
  deploymentsToSurge(
    [pod('web-1', { owner: ['ReplicaSet', 'web-rs'], spec: { containers: [], volumes } })],
    [budget('web', limit)],
    [replicaSet('web')],
    [deployment('web', given)],
  ).length === 1;

describe('a Deployment gets one replica more for the drain', () => {
  test('when its budget would refuse every eviction', () => {
    expect(surged({ replicas: 1 })).toBe(true);
    expect(surged({ replicas: 3 }, { minAvailable: 3 })).toBe(true);
  });

  test('but not when the budget wants as many more, so that it would never help', () => {
    expect(surged({ replicas: 3 }, { minAvailable: '100%' })).toBe(false);
    expect(surged({ replicas: 2 }, { maxUnavailable: 0 })).toBe(false);
    expect(surged({ replicas: 1 }, { minAvailable: 3 })).toBe(false);
  });

  test('but not when eviction will be allowed in time', () => {
    expect(surged({ replicas: 2 })).toBe(false);
    expect(surged({ replicas: 1 }, { maxUnavailable: 1 })).toBe(false);
  });

  test('but not when two pods at once are not allowed', () => {
    expect(surged({ strategy: { type: 'Recreate' } })).toBe(false);
    expect(surged({}, { minAvailable: 1 }, [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }])).toBe(
      false,
    );
    expect(surged({ paused: true })).toBe(false);
  });

  test('once, however many of its pods leave', () => {
    const pods = [1, 2].map((n) => pod(`web-${n}`, { owner: ['ReplicaSet', 'web-rs'] }));
    const found = deploymentsToSurge(
      pods,
      [budget('web', { minAvailable: 2 })],
      [replicaSet('web')],
      [deployment('web', { replicas: 2 })],
    );
    expect(found).toHaveLength(1);
  });

  test('and a StatefulSet never, because its pods have names', () => {
    const found = deploymentsToSurge(
      [pod('web-0', { owner: ['StatefulSet', 'web'] })],
      [budget('web', { minAvailable: 1 })],
      [],
      [deployment('web')],
    );
    expect(found).toEqual([]);
  });
});
