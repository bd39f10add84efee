import { describe, expect, test } from '@jest/globals';
import type { DaemonSet, Toleration } from '../../src/cluster/objects.ts';
import { notReadyBecause } from '../../src/rotation/new-nodes.ts';
import { member, node, pod } from './objects.ts';

const daemonSet = (name: string, given: { role?: string; tolerations?: Toleration[] } = {}): DaemonSet => ({
  metadata: { name, namespace: 'shop', uid: `uid-${name}` },
  spec: {
    selector: {},
    template: {
      spec: {
        containers: [],
        ...(given.role ? { nodeSelector: { role: given.role } } : {}),
        ...(given.tolerations ? { tolerations: given.tolerations } : {}),
      },
    },
  },
});
const unready = { phase: 'Running' as const, conditions: [{ type: 'Ready', status: 'False' as const }] };

describe('a new node', () => {
  const fresh = (given = {}) => member('new', { state: 'current', ...given });

  test('is ready without DaemonSets', () => {
    expect(notReadyBecause(fresh(), [], [])).toBeUndefined();
  });

  test('must be in service, joined and ready, in this order', () => {
    const { node: _, ...alone } = fresh();
    expect(notReadyBecause(fresh({ lifecycle: 'Pending' }), [], [])).toBe('is Pending');
    expect(notReadyBecause(alone, [], [])).toBe('runs but has not joined as a node');
    expect(notReadyBecause(fresh({ node: node('new', { ready: false }) }), [], [])).toBe('is not ready');
  });

  test('waits until its startup taints are gone, but not for the taints of its group', () => {
    const starting = (key: string) =>
      fresh({ node: node('new', { taints: [{ key, effect: 'NoSchedule' }] }) });
    const dedicated = node('new', { taints: [{ key: 'dedicated', value: 'data', effect: 'NoSchedule' }] });
    for (const key of ['node.kubernetes.io/not-ready', 'ebs.csi.aws.com/agent-not-ready'])
      expect(notReadyBecause(starting(key), [], [])).toBe(`still has the taint ${key}`);
    expect(notReadyBecause(fresh({ node: dedicated }), [], [])).toBeUndefined();
  });

  test('waits for every DaemonSet pod that belongs on it to be ready', () => {
    const sets = [daemonSet('cni')];
    const cni = pod('cni-1', { node: 'new', owner: ['DaemonSet', 'cni'] });
    expect(notReadyBecause(fresh(), sets, [])).toBe('waits for DaemonSet shop/cni');
    expect(notReadyBecause(fresh(), sets, [{ ...cni, status: unready }])).toBe(
      'waits for DaemonSet shop/cni',
    );
    expect(
      notReadyBecause(fresh(), sets, [pod('cni-2', { node: 'old', owner: ['DaemonSet', 'cni'] })]),
    ).toBeDefined();
    expect(notReadyBecause(fresh(), sets, [cni])).toBeUndefined();
  });

  test('does not wait for a DaemonSet that its selector or a taint keeps away', () => {
    const tainted = node('new', { taints: [{ key: 'dedicated', value: 'data', effect: 'NoSchedule' }] });
    expect(notReadyBecause(fresh(), [daemonSet('gpu', { role: 'gpu' })], [])).toBeUndefined();
    expect(notReadyBecause(fresh({ node: tainted }), [daemonSet('logs')], [])).toBeUndefined();
    const everywhere = daemonSet('logs', { tolerations: [{ operator: 'Exists' }] });
    expect(notReadyBecause(fresh({ node: tainted }), [everywhere], [])).toBeDefined();
  });
});
