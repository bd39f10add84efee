import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../src/cluster/objects.ts';
import type { EvictionAnswer } from '../../src/cluster/ports.ts';
import { askAgainAfterMs, drainNodes, staysBecause } from '../../src/rotation/drain.ts';
import { type FakePods, fakePods, settings } from './fake-context.ts';
import { budget, pod } from './objects.ts';

const drain = (fake: FakePods, nodes = ['old']): Promise<string> =>
  fake.clock.run(
    drainNodes(fake.context, nodes).then(
      () => '',
      (error: Error) => error.message,
    ),
  );
const held: EvictionAnswer = {
  kind: 'budget',
  message: 'The disruption budget web needs 1 healthy pods and has 1 currently',
};

describe('a pod on a node that leaves', () => {
  test.each<[string, Pod, ReturnType<typeof staysBecause>]>([
    ['of a ReplicaSet must go', pod('web-1', { owner: ['ReplicaSet', 'web'] }), undefined],
    ['without owner must go', pod('bare'), undefined],
    ['of a DaemonSet stays', pod('cni-1', { owner: ['DaemonSet', 'cni'] }), 'daemonset'],
    ['that is finished stays', pod('job-1', { status: { phase: 'Succeeded' } }), 'finished'],
    [
      'that mirrors a static pod stays',
      pod('static', { metadata: { name: 's', annotations: { 'kubernetes.io/config.mirror': 'x' } } }),
      'mirror',
    ],
    [
      'that tolerates everything stays, because it would come right back',
      pod('any', { spec: { containers: [], tolerations: [{ operator: 'Exists' }] } }),
      'tolerates',
    ],
    [
      'that tolerates some other taint must go',
      pod('gpu', { spec: { containers: [], tolerations: [{ key: 'gpu', operator: 'Exists' }] } }),
      undefined,
    ],
  ])('%s', (_, given, expected) => {
    expect(staysBecause(given)).toBe(expected);
  });
});

describe('a drain', () => {
  test('evicts every pod that must go once, by UID, and leaves the others', async () => {
    const fake = fakePods([
      pod('web-1', { node: 'old' }),
      pod('web-2', { node: 'old' }),
      pod('web-3', { node: 'new' }),
      pod('cni-1', { node: 'old', owner: ['DaemonSet', 'cni'] }),
    ]);
    expect(await drain(fake)).toBe('');
    expect(fake.evictions.map((e) => e.uid)).toEqual(['uid-web-1', 'uid-web-2']);
    expect(fake.pods.map((p) => p.metadata.name)).toEqual(['web-3', 'cni-1']);
  });

  test('asks for five evictions at once, to spare the API server', async () => {
    const fake = fakePods(Array.from({ length: 30 }, (_, n) => pod(`web-${n}`, { node: 'old' })));
    const { evict } = fake.context.kubernetes;
    let asking = 0;
    let most = 0;
    fake.context.kubernetes.evict = async (given) => {
      most = Math.max(most, ++asking);
      await fake.clock.sleep(10);
      asking--;
      return evict(given);
    };
    expect(await drain(fake)).toBe('');
    expect([most, fake.evictions.length]).toEqual([5, 30]);
  });

  test('evicts what a DaemonSet has left behind as an orphan, which nobody makes again', async () => {
    const orphan = pod('cni-1', { node: 'old' });
    const fake = fakePods([orphan, pod('cni-2', { node: 'old', owner: ['DaemonSet', 'cni'] })]);
    await drain(fake);
    expect(fake.evictions.map((e) => e.uid)).toEqual(['uid-cni-1']);
  });

  test('empties all nodes of a wave at the same time', async () => {
    const fake = fakePods([pod('web-1', { node: 'old' }), pod('web-2', { node: 'older' })]);
    await drain(fake, ['old', 'older']);
    expect(fake.evictions.map((e) => e.at)).toEqual([0, 0]);
  });

  test('looks again after the node is empty, because a pod may just have been scheduled', async () => {
    const fake = fakePods([pod('web-1', { node: 'old' })]);
    fake.clock.after(1200, () => fake.pods.push(pod('late', { node: 'old' })));
    await drain(fake);
    expect(fake.evictions.map((e) => e.uid)).toEqual(['uid-web-1', 'uid-late']);
  });

  test('takes a pod that is gone already, or replaced under its name, as done', async () => {
    const fake = fakePods([pod('web-1', { node: 'old' })], (p) => {
      fake.pods = fake.pods.filter((other) => other !== p);
      return { kind: 'gone' };
    });
    expect(await drain(fake)).toBe('');
  });

  test('waits while a budget is full, and goes on when it has room', async () => {
    const fake = fakePods([pod('web-1', { node: 'old' })], (_, at) =>
      at < 5000 ? held : { kind: 'accepted' },
    );
    expect(await drain(fake)).toBe('');
    expect(fake.log[0]).toBe(`Pod shop/web-1 must wait: ${'message' in held ? held.message : ''}`);
  });

  test('leaves an API server that throttles alone for as long as it asks', async () => {
    const busy: EvictionAnswer = { kind: 'busy', message: 'too many requests', retryAfterSeconds: 7 };
    const fake = fakePods([pod('web-1', { node: 'old' })], (_, at) =>
      at < 6000 ? busy : { kind: 'accepted' },
    );
    await drain(fake);
    expect(fake.evictions).toHaveLength(2);
    expect(fake.evictions[1]?.at).toBeGreaterThanOrEqual(7000);
    // Throttling is no budget: nobody has to be told to change one.
    expect(fake.log.join()).not.toMatch('must wait');
  });

  test('gives up after drain-timeout, naming pod, budget, numbers and what to do', async () => {
    const fake = fakePods([pod('web-1', { node: 'old', owner: ['StatefulSet', 'web'] })], () => held, [
      budget('web', { minAvailable: 1 }),
    ]);
    const failure = await drain(fake);
    expect(failure).toMatch('after 1m (drain-timeout)');
    expect(failure).toMatch('Pod shop/web-1 is held by PodDisruptionBudget shop/web');
    expect(failure).toMatch('needs 1 healthy pods and has 1 currently');
    expect(failure).toMatch('Give StatefulSet web one replica more');
  });

  test('does not advise more replicas where they would not help', async () => {
    const fake = fakePods([pod('web-1', { node: 'old' })], () => held, [
      budget('web', { maxUnavailable: 0 }),
    ]);
    const failure = await drain(fake);
    expect(failure).toMatch('Let the budget allow one disruption');
    expect(failure).not.toMatch('one replica more');
  });

  test('does not wait for what cannot happen: two budgets on the last pods fail at once', async () => {
    const two: EvictionAnswer = { kind: 'several-budgets', message: 'more than one PodDisruptionBudget' };
    const budgets = [budget('web', { minAvailable: 1 }), budget('web', { maxUnavailable: 1 })];
    const fake = fakePods([pod('web-1', { node: 'old' })], () => two, budgets);
    expect(await drain(fake)).toMatch('Remove all but one');
    expect(fake.clock.now()).toBeLessThan(1000);
  });

  test('names a pod that does not end', async () => {
    const stuck = pod('web-1', { node: 'old' });
    stuck.metadata.deletionTimestamp = new Date(0).toISOString();
    const fake = fakePods([stuck]);
    const failure = await drain(fake);
    expect(failure).toMatch('Pod shop/web-1 is terminating');
    expect(failure).toMatch('finalizers');
    expect(fake.evictions).toEqual([]);
  });

  test('does not wait for a pod that hangs a minute beyond its grace, and says so', async () => {
    const stuck = pod('web-1', { node: 'old' });
    stuck.metadata.deletionTimestamp = new Date(0).toISOString();
    stuck.metadata.deletionGracePeriodSeconds = 20;
    const fake = fakePods([stuck, pod('web-2', { node: 'old' })]);
    fake.context.settings = { ...settings, timeouts: { ...settings.timeouts, grace: 600_000 } };
    const { hanging } = await fake.clock.run(drainNodes(fake.context, ['old']));
    expect([...hanging]).toEqual(['uid-web-1']);
    expect(fake.clock.now()).toBeGreaterThan(80_000);
    expect(fake.clock.now()).toBeLessThan(85_000);
    expect(fake.log.filter((line) => line.includes('overdue'))).toEqual([
      'Pod shop/web-1 is overdue: it has been terminating for longer than its grace and a minute. Going on without it; it ends with its node.',
    ]);
  });

  describe('lets a pod end by itself, and then goes on,', () => {
    const job = pod('report-1', { node: 'old', owner: ['Job', 'report'] });
    const annotated = (key: string, value: string) =>
      pod('guarded-1', {
        node: 'old',
        metadata: { name: 'g', namespace: 'shop', uid: 'uid-g', annotations: { [key]: value } },
      });
    const karpenters = annotated('karpenter.sh/do-not-disrupt', 'true');
    const autoscalers = annotated('cluster-autoscaler.kubernetes.io/safe-to-evict', 'false');

    test.each([
      ['when it is the work of a Job', job],
      ['when Karpenter may not disrupt it', karpenters],
      ['when cluster-autoscaler may not evict it', autoscalers],
    ])('%s', async (_, given) => {
      const fake = fakePods([structuredClone(given)]);
      fake.clock.after(20_000, () => {
        const [one] = fake.pods;
        if (one) one.status = { ...one.status, phase: 'Succeeded' };
      });
      expect(await drain(fake)).toBe('');
      expect(fake.evictions).toEqual([]);
      expect(fake.clock.now()).toBeGreaterThanOrEqual(20_000);
      expect(fake.log.filter((line) => line.includes('left to end by itself'))).toHaveLength(1);
    });

    test('unless it does not end in time: then it is named, and what can be done', async () => {
      const failure = await drain(fakePods([structuredClone(karpenters)]));
      expect(failure).toMatch(
        'has not ended by itself for 1m, and is not evicted: its annotation karpenter.sh/do-not-disrupt',
      );
      expect(failure).toMatch('protected-pods: wait');
    });

    test('unless it is to be evicted', async () => {
      for (const given of [job, karpenters, autoscalers]) {
        const fake = fakePods([structuredClone(given)]);
        fake.context.settings = { ...settings, jobs: 'evict', protectedPods: 'evict' };
        expect(await drain(fake)).toBe('');
        expect(fake.evictions).toHaveLength(1);
      }
    });
  });

  test('evicts critical pods and DNS when all others are gone', async () => {
    const critical = { priorityClassName: 'system-cluster-critical', containers: [] };
    const dns = pod('dns-1', { node: 'old' });
    dns.metadata.labels = { 'k8s-app': 'kube-dns' };
    const fake = fakePods([
      dns,
      pod('metrics-1', { node: 'old', spec: critical }),
      pod('web-1', { node: 'old' }),
      pod('web-2', { node: 'older' }),
    ]);
    await drain(fake, ['old', 'older']);
    expect(fake.evictions.map((e) => e.uid)).toEqual([
      'uid-web-1',
      'uid-web-2',
      'uid-dns-1',
      'uid-metrics-1',
    ]);
    const at = fake.evictions.map((e) => e.at);
    expect((at[2] ?? 0) - (at[1] ?? 0)).toBeGreaterThanOrEqual(1000);
  });
});

test('a server that throttles without saying how long is asked again soon, one that asks for hours is not believed', () => {
  expect(askAgainAfterMs({ kind: 'busy', message: '' })).toBe(2000);
  expect(askAgainAfterMs({ kind: 'busy', message: '', retryAfterSeconds: 7200 })).toBe(30_000);
});
