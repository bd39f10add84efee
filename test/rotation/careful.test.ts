import { describe, expect, test } from '@jest/globals';
import type { Pod, StatefulSet } from '../../src/cluster/objects.ts';
import { heldBack, type Owners, teamOf } from '../../src/rotation/careful.ts';
import { budget, deployment, pod, replicaSet } from './objects.ts';

const owners = (given: Partial<Owners>): Owners => ({
  budgets: [],
  replicaSets: [replicaSet('web')],
  deployments: [],
  statefulSets: [],
  ...given,
});
const web = (n: number, node = 'old'): Pod => pod(`web-${n}`, { node, owner: ['ReplicaSet', 'web-rs'] });
const unready = (given: Pod): Pod => ({
  ...given,
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
});
const webs = (count: number, node = 'old'): Pod[] => Array.from({ length: count }, (_, i) => web(i, node));
const held = (due: Pod[], others: Pod[], replicas: number, most = new Map<string, number>()): string[] =>
  heldBack(due, [...due, ...others], owners({ deployments: [deployment('web', { replicas })] }), most).map(
    (h) => h.uid,
  );

describe('of a workload without a budget may be away at once', () => {
  const update = (replicas: number, maxUnavailable?: number | string) =>
    owners({
      deployments: [
        deployment('web', {
          replicas,
          ...(maxUnavailable === undefined ? {} : { strategy: { rollingUpdate: { maxUnavailable } } }),
        }),
      ],
    });
  test.each<[string, Owners, number | undefined]>([
    ['of eight a quarter, as a rolling update would take', update(8), 2],
    ['what its rolling update says', update(10, 4), 4],
    ['one, where its rolling update takes none', update(3, 0), 1],
    ['never all', update(2, '100%'), 1],
    [
      'one, where an update takes all for a moment',
      owners({ deployments: [deployment('web', { replicas: 4, strategy: { type: 'Recreate' } })] }),
      1,
    ],
    ['whatever, if there is only one', update(1), undefined],
    [
      'what the budget says, if it has one',
      { ...update(4), budgets: [budget('web', { minAvailable: 1 })] },
      undefined,
    ],
  ])('%s', (_, given, expected) => {
    expect(teamOf(web(1), given)?.mayMiss).toBe(expected);
  });

  test('one of a StatefulSet, unless it says otherwise', () => {
    const set = (maxUnavailable?: number): StatefulSet => ({
      metadata: { name: 'db', namespace: 'shop', uid: 'uid-db' },
      spec: {
        replicas: 5,
        selector: {},
        template: { spec: { containers: [] } },
        updateStrategy: { rollingUpdate: maxUnavailable === undefined ? {} : { maxUnavailable } },
      },
    });
    const one = pod('db-0', { owner: ['StatefulSet', 'db'] });
    expect(teamOf(one, owners({ statefulSets: [set()] }))).toMatchObject({
      name: 'StatefulSet shop/db',
      mayMiss: 1,
    });
    expect(teamOf(one, owners({ statefulSets: [set(3)] }))?.mayMiss).toBe(3);
  });

  test('one of whatever else owns pods and does not say how many; but Jobs are not a service', () => {
    const broker = (n: number) => pod(`kafka-${n}`, { owner: ['StrimziPodSet', 'kafka'] });
    const all = [broker(1), broker(2), broker(3)];
    expect(heldBack(all, all, owners({}), new Map()).map((h) => h.uid)).toEqual([
      'uid-kafka-2',
      'uid-kafka-3',
    ]);
    const jobs = [1, 2].map((n) => pod(`report-${n}`, { owner: ['Job', 'report'] }));
    expect(heldBack(jobs, jobs, owners({}), new Map())).toEqual([]);
    const bare = [pod('bare-1'), pod('bare-2')];
    expect(heldBack(bare, bare, owners({}), new Map())).toEqual([]);
  });
});

describe('a pod is held back', () => {
  test('when all of its Deployment are on nodes that leave at once', () => {
    expect(held(webs(2), [], 2)).toEqual(['uid-web-1']);
    expect(held(webs(3), [], 3)).toEqual(['uid-web-1', 'uid-web-2']);
  });

  test('until another is ready elsewhere', () => {
    const most = new Map<string, number>();
    expect(held(webs(2), [], 2, most)).toEqual(['uid-web-1']);
    expect(held([web(1)], [unready(web(7, 'new'))], 2, most)).toEqual(['uid-web-1']);
    expect(held([web(1)], [web(7, 'new')], 2, most)).toEqual([]);
  });

  test('not when it is not ready: nobody is served by it', () => {
    expect(held([unready(web(0)), web(1)], [web(2, 'new')], 3)).toEqual([]);
  });

  test('when it is the last one that is ready, however many there should be', () => {
    expect(held([web(0)], [unready(web(1, 'new'))], 2)).toEqual(['uid-web-0']);
  });

  test('by what has been ready so far: a Deployment that lacks one anyway goes on, one at a time', () => {
    expect(held([web(0), web(1)], [unready(web(2, 'new'))], 3)).toEqual(['uid-web-1']);
  });
});
