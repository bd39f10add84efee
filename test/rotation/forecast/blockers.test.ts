import { describe, expect, test } from '@jest/globals';
import type { Pod, PodDisruptionBudget } from '../../../src/cluster/objects.ts';
import type { EvictionAnswer } from '../../../src/cluster/ports.ts';
import { askEvictions } from '../../../src/rotation/forecast/ask.ts';
import { type Blocker, blockersOf } from '../../../src/rotation/forecast/blockers.ts';
import { type Objects, workloadsOn } from '../../../src/rotation/forecast/workloads.ts';
import { settings } from '../fake-context.ts';
import { budget, deployment, pod, replicaSet } from '../objects.ts';

/** Pods of the Deployment web, spread over these nodes. */
const webs = (...nodes: string[]): Pod[] =>
  nodes.map((node, n) => pod(`web-${n}`, { node, owner: ['ReplicaSet', 'web-rs'] }));
const unready = (one: Pod): Pod => ({
  ...one,
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
});
const withSpec = (one: Pod, spec: Partial<Pod['spec']>): Pod => ({ ...one, spec: { ...one.spec, ...spec } });
const noted = (one: Pod, annotations: Record<string, string>): Pod => ({
  ...one,
  metadata: { ...one.metadata, annotations },
});

const accepted: EvictionAnswer = { kind: 'accepted' };
const full: EvictionAnswer = { kind: 'budget', message: 'needs 2 healthy pods and has 2 currently' };

const forbidden =
  'pods "web-0" is forbidden: User "ci" cannot create resource "pods/eviction" in API group "" in the namespace "shop"';

interface Case {
  pods: Pod[];
  replicas?: number;
  budgets?: PodDisruptionBudget[];
  answer?: EvictionAnswer | ((pod: string) => EvictionAnswer);
  redis?: string[];
  may?: boolean;
}

/** Nodes a and b leave. */
async function look({ pods, replicas = 3, budgets = [], answer = accepted, redis = [], may = true }: Case) {
  const asked: { name: string; dryRun: boolean | undefined }[] = [];
  const objects: Objects = {
    pods,
    budgets,
    deployments: [deployment('web', { replicas })],
    replicaSets: [replicaSet('web')],
    statefulSets: [],
  };
  const workloads = workloadsOn(new Set(['a', 'b']), objects, settings);
  const answers = await askEvictions(
    {
      async evict({ name }, options) {
        asked.push({ name, dryRun: options?.dryRun });
        if (!may) return { kind: 'refused', status: 403, message: forbidden };
        return typeof answer === 'function' ? answer(name) : answer;
      },
    },
    workloads,
  );
  const blockers = blockersOf(workloads, answers, settings, (p) => redis.includes(p.metadata.name));
  return { blockers, asked, how: answers.how };
}

const brief = (blockers: Blocker[]) => blockers.map((b) => [b.outlook, b.workload, b.pods]);

describe('who stands in the way', () => {
  test.each<[string, Case, [string, string, number][]]>([
    [
      'nobody, when all may go',
      { pods: webs('a', 'b', 'c'), budgets: [budget('web', { maxUnavailable: 1 })] },
      [],
    ],
    [
      'a budget that is full at this moment',
      { pods: webs('a', 'b'), budgets: [budget('web', { maxUnavailable: 1 })], answer: full },
      [['waits', 'Deployment shop/web', 2]],
    ],
    [
      'a budget that never allows anything',
      { pods: webs('a', 'b'), budgets: [budget('web', { maxUnavailable: 0 })], answer: full },
      [['blocks', 'Deployment shop/web', 2]],
    ],
    [
      'a single replica, which gets a second one',
      { pods: webs('a'), replicas: 1, budgets: [budget('web', { minAvailable: 1 })], answer: full },
      [['surges', 'Deployment shop/web', 1]],
    ],
    [
      'two budgets',
      {
        pods: webs('a'),
        budgets: [
          budget('web', { maxUnavailable: 1 }),
          { ...budget('web', {}), metadata: { name: 'other', namespace: 'shop' } },
        ],
        answer: { kind: 'several-budgets', message: 'more than one' },
      },
      [['blocks', 'Deployment shop/web', 1]],
    ],
    [
      'a webhook that refuses',
      { pods: webs('a'), answer: { kind: 'refused', status: 403, message: 'denied by policy' } },
      [['blocks', 'Deployment shop/web', 1]],
    ],
    [
      'an API server that throttles, of which nobody knows more',
      { pods: webs('a'), answer: { kind: 'busy', message: 'too many requests' } },
      [['waits', 'Deployment shop/web', 1]],
    ],
    [
      'more pods on a node than may go at once',
      { pods: webs('a', 'a', 'b'), budgets: [budget('web', { maxUnavailable: 1 })] },
      [['in-turn', 'Deployment shop/web', 3]],
    ],
    [
      'a Job',
      { pods: [pod('sum-1', { node: 'a', owner: ['Job', 'sum'] })] },
      [['ends-itself', 'Job shop/sum', 1]],
    ],
    [
      'a pod that must not be disrupted, apart from its siblings',
      { pods: [noted(webs('a')[0]!, { 'karpenter.sh/do-not-disrupt': 'true' }), ...webs('c', 'b').slice(1)] },
      [['ends-itself', 'Deployment shop/web', 1]],
    ],
    [
      'a pod that tolerates everything',
      { pods: [withSpec(webs('a')[0]!, { tolerations: [{ operator: 'Exists' }] })] },
      [['stays', 'Deployment shop/web', 1]],
    ],
    [
      'Redis, before anything else',
      { pods: webs('a'), redis: ['web-0'], answer: full },
      [['moves-first', 'Deployment shop/web', 1]],
    ],
    ['a bare pod', { pods: [pod('debug', { node: 'a' })] }, [['never-returns', 'pod shop/debug', 1]]],
    [
      'what an emptyDir keeps',
      { pods: [withSpec(webs('b')[0]!, { volumes: [{ name: 'tmp', emptyDir: {} }] })] },
      [['loses-data', 'Deployment shop/web', 1]],
    ],
    [
      'not DaemonSets, nor pods on nodes that stay',
      { pods: [pod('agent', { node: 'a', owner: ['DaemonSet', 'agent'] }), ...webs('c')] },
      [],
    ],
  ])('%s', async (_, given, expected) => {
    expect(brief((await look(given)).blockers)).toEqual(expected);
  });

  test('is told with nodes, reason and what comes of it, the worst first', async () => {
    const { blockers } = await look({
      pods: [pod('debug', { node: 'a' }), ...webs('b', 'a')],
      budgets: [budget('web', { maxUnavailable: 0 })],
    });
    expect(blockers[0]).toEqual({
      outlook: 'blocks',
      workload: 'Deployment shop/web',
      pods: 2,
      nodes: ['a', 'b'],
      why: 'budget web never allows an eviction with 3 replicas',
      action:
        'the drain fails after drain-timeout, and everything is put back. Set maxUnavailable: 1 for the time of the upgrade.',
    });
    expect(brief(blockers.slice(1))).toEqual([['never-returns', 'pod shop/debug', 1]]);
  });
});

describe('the Eviction API', () => {
  test('is asked with dry runs only, once for each kind of pod, ready and unready apart', async () => {
    const [one, two, three] = webs('a', 'a', 'b') as [Pod, Pod, Pod];
    const { asked, how } = await look({
      pods: [one, two, unready(three), pod('sum-1', { node: 'a', owner: ['Job', 'sum'] })],
    });
    expect(asked).toEqual([
      { name: 'web-0', dryRun: true },
      { name: 'web-2', dryRun: true },
    ]);
    expect(how).toBe(
      'Told by 2 dry runs of the Eviction API, one for each kind of the 3 pods that must leave.',
    );
  });

  test('counts the worse of two answers', async () => {
    const [one, two] = webs('a', 'b') as [Pod, Pod];
    const { blockers } = await look({
      pods: [one, unready(two)],
      answer: (name) => (name === 'web-0' ? full : accepted),
    });
    expect(brief(blockers)).toEqual([['waits', 'Deployment shop/web', 2]]);
  });

  test('is not asked again without the right to: then the status of the budgets answers, and it is said', async () => {
    const status = { disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2, expectedPods: 3 };
    const given = {
      pods: webs('a', 'b'),
      budgets: [{ ...budget('web', { maxUnavailable: 1 }), status }],
      may: false,
    };
    const { blockers, asked, how } = await look(given);
    expect(asked).toHaveLength(1);
    expect(how).toMatch(
      /^Told by the status of the budgets, because this role may not create pods\/eviction:/,
    );
    expect(blockers).toMatchObject([
      { outlook: 'waits', why: 'now: the budget web needs 2 healthy pods and has 2' },
    ]);
    const roomy = {
      ...given,
      budgets: [{ ...given.budgets[0]!, status: { ...status, disruptionsAllowed: 1 } }],
    };
    expect((await look(roomy)).blockers).toEqual([]);
    // An unready pod may go when the others are enough: the arithmetic of the API server.
    expect((await look({ ...given, pods: webs('a').map(unready) })).blockers).toEqual([]);
  });
});
