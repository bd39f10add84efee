import { describe, expect, test } from '@jest/globals';
import type {
  Deployment,
  EndpointSlice,
  HorizontalPodAutoscaler,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
} from '../../src/cluster/objects.ts';
import { notServingBecause } from '../../src/rotation/rollout.ts';
import { notSettledBecause } from '../../src/rotation/scale-back.ts';
import { deploymentsToSurge, type Surroundings, surgeDecisions } from '../../src/rotation/surge-decision.ts';
import { budget, deployment, pod, replicaSet } from './objects.ts';

const webPod = (spec: Partial<Pod['spec']> = {}): Pod =>
  pod('web-1', { owner: ['ReplicaSet', 'web-rs'], spec: { containers: [], ...spec } });
const unready: Pod['status'] = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] };

const decisions = (
  given: Partial<Deployment['spec']>,
  limit?: PodDisruptionBudget['spec'],
  around: Surroundings = {},
  leaving: Pod = webPod(),
  annotations: Record<string, string> = {},
) => {
  const web = deployment('web', given);
  web.metadata.annotations = annotations;
  return surgeDecisions([leaving], limit ? [budget('web', limit)] : [], [replicaSet('web')], [web], around);
};
const surged = (...given: Parameters<typeof decisions>): boolean =>
  decisions(...given).some((d) => !d.refused);

function autoscaler(given: {
  max: number;
  owner?: string;
  disabled?: boolean;
  of?: string;
}): HorizontalPodAutoscaler {
  return {
    metadata: {
      name: 'web',
      namespace: 'shop',
      ...(given.owner
        ? {
            ownerReferences: [
              { apiVersion: 'keda.sh/v1alpha1', kind: given.owner, name: 'web', uid: 'u', controller: true },
            ],
          }
        : {}),
    },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: given.of ?? 'web' },
      minReplicas: 1,
      maxReplicas: given.max,
    },
    ...(given.disabled
      ? { status: { conditions: [{ type: 'ScalingActive', status: 'False', reason: 'ScalingDisabled' }] } }
      : {}),
  };
}

const claim = (mode: string): PersistentVolumeClaim => ({
  metadata: { name: 'd', namespace: 'shop' },
  spec: { accessModes: [mode] },
});
const withClaim = webPod({ volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }] });

describe('a Deployment gets one replica more for the drain', () => {
  test('when its only pod has to leave, whatever its budget says', () => {
    expect(decisions({ replicas: 1 })).toMatchObject([{ why: 'single' }]);
    expect(surged({ replicas: 1 }, { maxUnavailable: 1 })).toBe(true);
  });

  test('when its budget would refuse every eviction', () => {
    expect(decisions({ replicas: 1 }, { minAvailable: 1 })).toMatchObject([{ why: 'blocked' }]);
    expect(surged({ replicas: 3 }, { minAvailable: 3 })).toBe(true);
  });

  test('but not when eviction will be allowed in time, or nobody is served by its only pod', () => {
    expect(decisions({ replicas: 2 })).toEqual([]);
    expect(decisions({ replicas: 2 }, { minAvailable: 1 })).toEqual([]);
    expect(decisions({ replicas: 2 }, { maxUnavailable: 1 })).toEqual([]);
    expect(decisions({ replicas: 1 }, undefined, {}, { ...webPod(), status: unready })).toEqual([]);
    const gone = webPod();
    gone.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(decisions({ replicas: 1 }, undefined, {}, gone)).toEqual([]);
  });

  test.each<[string, Parameters<typeof decisions>]>([
    ['its budget would want one more, too', [{ replicas: 3 }, { minAvailable: '100%' }]],
    ['its budget would want one more, too', [{ replicas: 2 }, { maxUnavailable: 0 }]],
    ['its budget would want one more, too', [{ replicas: 1 }, { minAvailable: 3 }]],
    ['Recreate', [{ strategy: { type: 'Recreate' } }]],
    ['maxSurge: 0', [{ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } }]],
    ['it is paused', [{ paused: true }]],
    ['volume claim d', [{}, undefined, {}, withClaim]],
    ['volume claim d', [{}, undefined, { claims: [claim('ReadWriteOnce')] }, withClaim]],
    [
      'host port',
      [
        {},
        undefined,
        {},
        webPod({ containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 1 }] }] }),
      ],
    ],
    [
      'its annotation eks-rolling/rollout-surge',
      [{}, undefined, {}, webPod(), { 'eks-rolling/rollout-surge': 'false' }],
    ],
    ['allows no more than 1 (maxReplicas)', [{}, undefined, { autoscalers: [autoscaler({ max: 1 })] }]],
    [
      'HorizontalPodAutoscaler web belongs to ScaledObject web, which would undo the change',
      [{}, undefined, { autoscalers: [autoscaler({ max: 5, owner: 'ScaledObject' })] }],
    ],
  ])('but not where it must not or would not help: %s', (why, given) => {
    const [decision] = decisions(...given);
    expect(decision?.refused).toContain(why);
  });

  test('through its autoscaler, if that is on and allows it', () => {
    const through = (a: HorizontalPodAutoscaler) => decisions({}, undefined, { autoscalers: [a] })[0];
    expect(through(autoscaler({ max: 2 }))?.autoscaler?.metadata.name).toBe('web');
    expect(through(autoscaler({ max: 1, disabled: true }))).not.toHaveProperty('autoscaler');
    expect(through(autoscaler({ max: 1, disabled: true }))).not.toHaveProperty('refused');
    expect(through(autoscaler({ max: 1, of: 'other' }))).not.toHaveProperty('refused');
  });

  test('also with a volume that several nodes can use', () => {
    expect(surged({}, undefined, { claims: [claim('ReadWriteMany')] }, withClaim)).toBe(true);
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

describe('an additional replica serves', () => {
  const slice = (service: string, ...uids: string[]): EndpointSlice => ({
    metadata: {
      name: `${service}-1`,
      namespace: 'shop',
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    endpoints: uids.map((uid) => ({ addresses: [], conditions: { ready: true }, targetRef: { uid } })),
  });
  const leaving = new Set(['old']);
  const old = pod('web-1', { node: 'old' });
  const fresh = pod('web-2', { node: 'new' });
  const lacking = (pods: Pod[], slices: EndpointSlice[] = [], replicas = 1) =>
    notServingBecause(deployment('web', { replicas }), pods, slices, leaving);

  test('when it is ready on a node that stays', () => {
    expect(lacking([old, fresh])).toBeUndefined();
    expect(lacking([old])).toBe('0 of 1 ready on nodes that stay');
    expect(lacking([old, { ...fresh, status: unready }])).toBe('0 of 1 ready on nodes that stay');
    expect(lacking([old, pod('web-2', { node: 'old' })])).toBe('0 of 1 ready on nodes that stay');
  });

  test('when every Service that lists the old one lists it, too', () => {
    const inBoth = [slice('web', 'uid-web-1', 'uid-web-2'), slice('admin', 'uid-web-1', 'uid-web-2')];
    expect(lacking([old, fresh], inBoth)).toBeUndefined();
    expect(lacking([old, fresh], [slice('web', 'uid-web-1'), slice('api', 'uid-web-2')])).toBe(
      '1 ready on nodes that stay, but Service web does not list 1 of them yet',
    );
    expect(lacking([old, fresh], [slice('other', 'uid-x')])).toBeUndefined();
  });

  test('when one of those that leave is one too many', () => {
    const third = pod('web-3', { node: 'new' });
    expect(lacking([old, fresh], [], 2)).toBe('1 of 2 ready on nodes that stay');
    expect(lacking([old, fresh, third], [], 2)).toBeUndefined();
    expect(lacking([old, pod('web-4', { node: 'old' }), fresh], [], 2)).toBeUndefined();
  });
});

describe('a Deployment has its old replicas again', () => {
  const settled = (pods: Pod[], usual = 1) =>
    notSettledBecause(deployment('web'), usual, pods, new Set(['old']));
  const evicted = pod('web-1', { node: 'old' });
  evicted.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  const fresh = pod('web-2', { node: 'new' });

  test('when its controller has replaced the pod that left, because it would take the wrong one before', () => {
    expect(settled([evicted, fresh])).toBe('the pod that left has not been replaced yet');
    expect(settled([evicted, fresh, { ...pod('web-3'), status: { phase: 'Pending' } }])).toBeUndefined();
  });

  test('not as long as too few are ready on nodes that stay', () => {
    expect(settled([pod('web-1', { node: 'old' }), { ...fresh, status: unready }, pod('web-3')], 2)).toBe(
      '1 of 2 ready on nodes that stay',
    );
  });
});
