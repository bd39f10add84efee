import { describe, expect, test } from '@jest/globals';
import type { Pod, PodDisruptionBudget } from '../../src/cluster/objects.ts';
import type { ClusterView } from '../../src/validation/check.ts';
import { checks } from '../../src/validation/checks/index.ts';
import { lenient, onlyWorse, statusOf, validate, verdictOf } from '../../src/validation/validate.ts';

const ready = (status: 'True' | 'False' | 'Unknown') => ({ conditions: [{ type: 'Ready', status }] });
const node = (name: string, status: 'True' | 'False' | 'Unknown' = 'True') => ({
  metadata: { name },
  spec: { providerID: `aws:///a/i-${name}` },
  status: ready(status),
});
const group = {
  name: 'g',
  min: 1,
  max: 3,
  desired: 1,
  zones: ['a'],
  subnets: [{ id: 's', zone: 'a', freeAddresses: 9 }],
  suspended: [],
  tags: {},
  targetGroups: [],
  classicLoadBalancers: [],
  target: { imageId: 'new', instanceTypes: [] },
  canLaunchInZone: true,
  countsUnits: false,
};
const member = {
  group: 'g',
  instanceId: 'i-n1',
  zone: 'a',
  lifecycle: 'InService' as const,
  launchedAt: 0,
  imageId: 'old',
  upToDate: false,
  state: 'outdated' as const,
  node: node('n1'),
};

function pod(name: string, owner: { kind: string; uid: string }, more: Partial<Pod['spec']> = {}): Pod {
  return {
    metadata: {
      name,
      namespace: 'shop',
      labels: { app: 'web' },
      ownerReferences: [{ apiVersion: 'apps/v1', name: 'x', controller: true, ...owner }],
    },
    spec: { nodeName: 'n1', containers: [], ...more },
    status: { phase: 'Running', ...ready('True') },
  };
}
const budget = (name: string, minAvailable: number): PodDisruptionBudget => ({
  metadata: { name, namespace: 'shop' },
  spec: { selector: { matchLabels: { app: 'web' } }, minAvailable },
});
const statefulSet = {
  metadata: { name: 'x', namespace: 'shop', uid: 'sts' },
  spec: { replicas: 1, selector: {}, template: { spec: { containers: [] } } },
};
const template = { spec: { containers: [] } };
const deployment = {
  metadata: { name: 'd', namespace: 'shop', uid: 'dep' },
  spec: { replicas: 1, selector: {}, template },
};
const replicaSet = {
  metadata: {
    name: 'rs',
    namespace: 'shop',
    uid: 'rs',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'dep', controller: true }],
  },
  spec: { selector: {}, template },
};

function view(more: Partial<ClusterView> = {}): ClusterView {
  return {
    nodes: [node('n1')],
    pods: [],
    budgets: [],
    deployments: [deployment],
    replicaSets: [replicaSet],
    statefulSets: [statefulSet],
    daemonSets: [],
    groups: [
      {
        ...group,
        instances: [
          { id: 'i-n1', zone: 'a', lifecycle: 'InService', healthy: true, protectedFromScaleIn: false },
        ],
      },
    ],
    members: [member],
    refreshing: [],
    ...more,
  };
}
const run = (v: ClusterView, phase: 'preflight' | 'postflight' = 'preflight') =>
  validate(checks, phase, [], v);
const failedIds = (v: ClusterView) =>
  run(v)
    .filter((r) => statusOf(r) === 'failed')
    .map((r) => r.id);

describe('a healthy cluster', () => {
  test('passes every check', () => expect(verdictOf(run(view()))).toBe('passed'));
});

describe('the checks find', () => {
  test.each(['False', 'Unknown'] as const)('a node whose Ready is %s', (status) =>
    expect(failedIds(view({ nodes: [node('n1', status)] }))).toEqual(['node-ready']),
  );
  test('an instance that never joined', () =>
    expect(failedIds(view({ members: [{ ...member, state: 'orphaned' }] }))).toEqual(['node-joined']));
  test('a group that has fewer instances than it wants', () =>
    expect(failedIds(view({ groups: [{ ...group, instances: [] }] }))).toEqual(['group-size']));
  test('an instance refresh', () => expect(failedIds(view({ refreshing: ['g'] }))).toEqual(['group-size']));
  test('a pod of kube-system that is not ready', () => {
    const broken = pod('coredns', { kind: 'ReplicaSet', uid: 'rs' });
    broken.metadata.namespace = 'kube-system';
    broken.status = { phase: 'Running', ...ready('False') };
    expect(failedIds(view({ pods: [broken] }))).toEqual(['system-pods']);
  });
  test('a pod that finds no place', () => {
    const waiting = pod('web', { kind: 'ReplicaSet', uid: 'rs' });
    waiting.status = {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }],
    };
    expect(failedIds(view({ pods: [waiting] }))).toEqual(['pods-settled']);
  });
  test('a StatefulSet whose budget never allows an eviction', () => {
    expect(
      failedIds(
        view({ pods: [pod('db-0', { kind: 'StatefulSet', uid: 'sts' })], budgets: [budget('db', 1)] }),
      ),
    ).toEqual(['blocked-budgets']);
  });
  test('a pod with two budgets', () => {
    expect(
      failedIds(
        view({
          pods: [pod('db-0', { kind: 'StatefulSet', uid: 'sts' })],
          budgets: [budget('a', 0), budget('b', 0)],
        }),
      ),
    ).toEqual(['blocked-budgets']);
  });
  test('but only warn of a Deployment that a surge can move', () => {
    const results = run(
      view({ pods: [pod('web', { kind: 'ReplicaSet', uid: 'rs' })], budgets: [budget('web', 1)] }),
    );
    expect(results.filter((r) => statusOf(r) === 'warning').map((r) => r.id)).toEqual(['blocked-budgets']);
  });
  test('but only warn of pods that end by themselves', () => {
    const job = { ...pod('report', { kind: 'Job', uid: 'job' }), spec: { nodeName: 'n1', containers: [] } };
    const results = run(view({ pods: [job] }));
    expect(verdictOf(results)).toBe('passed');
    const findings = results.find((r) => r.id === 'unhurried-pods')?.findings;
    expect(findings).toMatchObject([{ status: 'warning', about: 'Pod shop/report' }]);
    expect(findings?.[0]?.message).toMatch('the work of a Job');
  });

  test('and leave pods alone that stay with their node', () => {
    expect(
      failedIds(
        view({ pods: [pod('agent', { kind: 'DaemonSet', uid: 'ds' })], budgets: [budget('web', 1)] }),
      ),
    ).toEqual([]);
  });
  test('a zone without addresses', () => {
    const full = {
      ...group,
      subnets: [{ id: 's', zone: 'a', freeAddresses: 0 }],
      instances: [
        {
          id: 'i-n1',
          zone: 'a',
          lifecycle: 'InService' as const,
          healthy: true,
          protectedFromScaleIn: false,
        },
      ],
    };
    expect(run(view({ groups: [full] })).find((r) => r.id === 'group-zones')?.findings[0]?.message).toMatch(
      /s have no free address/,
    );
  });
});

describe('what could not be read', () => {
  test('is unknown and never passed', () => {
    const results = run(view({ pods: { unreadable: 'pods is forbidden' } }));
    expect(verdictOf(results)).toBe('unknown');
    expect(results.find((r) => r.id === 'system-pods')?.findings).toEqual([
      { status: 'unknown', about: 'pods', message: 'Could not be read: pods is forbidden.' },
    ]);
  });
  test('does not hide what failed', () =>
    expect(verdictOf(run(view({ pods: { unreadable: 'x' }, nodes: [node('n1', 'False')] })))).toBe('failed'));
  test('is unknown when there was no check at all', () => expect(verdictOf([])).toBe('unknown'));
});

describe('after the rotation', () => {
  const before = run(view({ nodes: [node('n1', 'False')] }));
  test('only what is worse than before fails', () => {
    expect(verdictOf(onlyWorse(run(view({ nodes: [node('n1', 'False')] }), 'postflight'), before))).toBe(
      'passed',
    );
    expect(
      verdictOf(
        onlyWorse(run(view({ nodes: [node('n1', 'False'), node('n2', 'False')] }), 'postflight'), before),
      ),
    ).toBe('failed');
  });
});

describe('blockers: warn', () => {
  test('lets a run begin that will stop at its drain-timeout', () => {
    const results = run(
      view({ pods: [pod('db-0', { kind: 'StatefulSet', uid: 'sts' })], budgets: [budget('db', 1)] }),
    );
    expect(verdictOf(lenient(results, ['blocked-budgets']))).toBe('passed');
  });
});
