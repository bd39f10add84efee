import { describe, expect, test } from '@jest/globals';
import { disagreements, parseClusterNodes, servesAllSlots } from '../../src/redis/cluster/nodes.ts';
import { temporaryPodFor } from '../../src/redis/cluster/temporary-pod.ts';
import { parseInfo, replicationOf } from '../../src/redis/info.ts';
import { parseRedis, redisSelections } from '../../src/redis/settings.ts';

const text = `07c37 10.0.0.1:6379@16379,pod-a myself,master - 0 0 1 connected 0-8191
e7d1e 10.0.0.2:6379@16379 master - 0 1426238317239 2 connected 8192-16382 16383
a3c1f 10.0.0.3:6379@16379 slave 07c37 0 1426238316232 1 connected
`;

describe('CLUSTER NODES', () => {
  const nodes = parseClusterNodes(text);

  test('is read with addresses, roles and slots', () => {
    expect(nodes.map((n) => [n.id, n.ip, n.role, n.master, n.slots])).toEqual([
      ['07c37', '10.0.0.1', 'master', '', ['0-8191']],
      ['e7d1e', '10.0.0.2', 'master', '', ['8192-16382', '16383']],
      ['a3c1f', '10.0.0.3', 'slave', '07c37', []],
    ]);
    expect(servesAllSlots(nodes)).toBe(true);
    expect(servesAllSlots(nodes.slice(0, 1))).toBe(false);
  });

  test('agrees only when every node tells the same good story', () => {
    expect(
      disagreements(
        [
          { of: 'a', nodes },
          { of: 'b', nodes: [...nodes].reverse() },
        ],
        3,
      ),
    ).toEqual([]);
    expect(disagreements([{ of: 'a', nodes }], 4)).toEqual(['a knows 3 of 4 nodes']);
    const failing = parseClusterNodes(text.replace(' slave ', ' slave,fail? '));
    expect(disagreements([{ of: 'a', nodes: failing }], 3)).toEqual(['a sees 10.0.0.3 as fail?']);
    const swapped = parseClusterNodes(text.replace('slave 07c37', 'slave e7d1e'));
    expect(
      disagreements(
        [
          { of: 'a', nodes },
          { of: 'b', nodes: swapped },
        ],
        3,
      ).join(),
    ).toMatch(/a, b tell different stories/);
    const moving = parseClusterNodes(text.replace('0-8191', '0-8191 [5->-e7d1e]'));
    expect(disagreements([{ of: 'a', nodes: moving }], 3)).toEqual(['a sees slots of 10.0.0.1 being moved']);
  });
});

describe('a temporary pod', () => {
  const [target] = parseRedis([{ name: 'sessions', namespace: 'shop', kind: 'cluster', pods: 'app=redis' }]);
  if (!target) throw new Error('no target');
  const pod = temporaryPodFor(
    {
      metadata: {
        name: 'redis-0',
        namespace: 'shop',
        uid: 'u',
        labels: { app: 'redis', 'statefulset.kubernetes.io/pod-name': 'redis-0' },
        ownerReferences: [],
      },
      spec: {
        nodeName: 'old',
        hostname: 'redis-0',
        containers: [{ name: 'redis' }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-redis-0' } }],
      },
    },
    target,
    'run',
    'zone-a',
    ['old'],
  );

  test('has no claim, no owner and no label by which Services or the StatefulSet select', () => {
    expect(pod.spec.volumes).toEqual([{ name: 'data', emptyDir: {} }]);
    expect(pod.metadata).toEqual({
      name: 'redis-0-rolling',
      namespace: 'shop',
      labels: {
        'eks-rolling/temporary': 'run',
        'eks-rolling/instead-of': 'redis-0',
        'eks-rolling/redis': 'sessions',
      },
    });
  });

  test('stays in the zone and off the nodes that leave', () => {
    const [term] =
      pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ??
      [];
    expect(term?.matchExpressions).toEqual([
      { key: 'kubernetes.io/hostname', operator: 'NotIn', values: ['old'] },
      { key: 'topology.kubernetes.io/zone', operator: 'In', values: ['zone-a'] },
    ]);
    expect(pod.spec.nodeName).toBeUndefined();
  });
});

describe('INFO', () => {
  test('says whether a replica has everything', () => {
    const info = parseInfo(
      '# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_link_status:up\r\nmaster_sync_in_progress:0\r\nslave_repl_offset:42\r\nmaster_repl_offset:40\r\n',
    );
    expect(replicationOf(info)).toMatchObject({
      role: 'slave',
      masterHost: '10.0.0.1',
      linkUp: true,
      syncing: false,
      offset: 42,
    });
  });
});

describe('the redis input', () => {
  test('selects data pods and Sentinels', () => {
    const targets = parseRedis([
      { name: 'cache', namespace: 'shop', kind: 'sentinel', pods: 'app=cache', sentinels: 'app=sentinel' },
    ]);
    expect(targets[0]).toMatchObject({ master: 'mymaster', port: 6379, sentinelPort: 26379 });
    expect(redisSelections(targets)).toEqual([
      { namespace: 'shop', labels: 'app=cache' },
      { namespace: 'shop', labels: 'app=sentinel' },
    ]);
  });

  test('selects the temporary pods of a Redis Cluster: whoever puts settings back must not evict them', () => {
    const targets = parseRedis([
      { name: 'sessions', namespace: 'shop', kind: 'cluster', pods: 'app=sessions' },
    ]);
    const selections = redisSelections(targets);
    expect(selections.map((s) => s.labels)).toEqual(['app=sessions', 'eks-rolling/redis=sessions']);
  });

  test('is refused when a name is used twice or a Sentinel set names no Sentinels', () => {
    const one = { name: 'a', namespace: 'shop', kind: 'sentinel', pods: 'app=x' };
    expect(() => parseRedis([one, one])).toThrow(/entry 1: sentinels is missing.*name a is used twice/);
  });
});
