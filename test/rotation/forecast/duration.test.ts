import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../src/cluster/objects.ts';
import { forecastDuration, loadsOf, type Pace } from '../../../src/rotation/forecast/duration.ts';
import { type History, historyOf, quantile, startMsOf } from '../../../src/rotation/forecast/history.ts';
import { leaveMsOf, workloadsOn } from '../../../src/rotation/forecast/workloads.ts';
import { settings } from '../fake-context.ts';
import { budget, deployment, member, node, pod, replicaSet } from '../objects.ts';

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
const history: History = { bootMs: () => 60_000, terminateMs: () => 40_000, assumed: [] };
const pace: Pace = { settleMs: 0, soakMs: 0, intervalMs: 0, requiredPasses: 2 };

/** A pod of the Deployment web that took four seconds to start and six to leave. */
const web = (n: number, on: string): Pod => ({
  ...pod(`web-${n}`, { node: on, owner: ['ReplicaSet', 'web-rs'] }),
  metadata: { ...pod(`web-${n}`, { owner: ['ReplicaSet', 'web-rs'] }).metadata, creationTimestamp: at(0) },
  spec: { nodeName: on, containers: [{ name: 'web', lifecycle: { preStop: { sleep: { seconds: 4 } } } }] },
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(3.5) }] },
});

/** Waves of one node each, with so many pods of web; the budget lets one go at a time. */
function told(pods: number[], given: Partial<Pace> = {}, first = 1, replicas = 20) {
  const waves = pods.map((_, n) => [{ group: 'general', instanceId: `i-${n}`, node: `n${n}`, zone: 'a' }]);
  const nodes = pods.map((_, n) => `n${n}`);
  let name = 0;
  const objects = {
    pods: pods.flatMap((count, n) => Array.from({ length: count }, () => web(name++, `n${n}`))),
    budgets: [budget('web', replicas > 1 ? { maxUnavailable: 1 } : { minAvailable: 1 })],
    deployments: [deployment('web', { replicas })],
    replicaSets: [replicaSet('web')],
    statefulSets: [],
  };
  const loads = loadsOf(workloadsOn(new Set(nodes), objects, settings));
  return forecastDuration({ waves }, loads, history, { ...pace, ...given }, () => first);
}

const seconds = (shares: { what: string; ms: number }[]) =>
  Object.fromEntries(shares.map(({ what, ms }) => [what, ms / 1000]));

describe('the predicted duration', () => {
  test('is a chain of boot, drain, termination and gate per wave', () => {
    expect(seconds(told([1, 1]).shares)).toEqual({
      'boot of new nodes': 120,
      'termination of instances': 80,
      'pods that take their time to leave': 13.6,
      'beginning and putting back': 5,
      'gates between waves': 2,
    });
    expect(told([1, 1]).ms).toBe(220_600);
  });

  test('grows with pods that a budget lets go one by one, and names the budget', () => {
    const { shares, waves } = told([11, 1]);
    // Ten more turns of four seconds to start and one to ask again, and the last one leaves.
    expect(seconds(shares)['budget shop/web (1 at a time)']).toBe(56.8);
    expect(waves.map((w) => w.ms - 101_000)).toEqual([56_800, 6_800]);
  });

  test('has the replacement boot while the old node terminates, where it does not come first', () => {
    expect(seconds(told([0], {}, 0).shares)['boot of new nodes']).toBe(20);
  });

  test('contains the pauses that were asked for', () => {
    const { shares } = told([0, 0, 0], { intervalMs: 60_000, soakMs: 600_000, requiredPasses: 10 });
    expect(seconds(shares)).toMatchObject({ soak: 1800, interval: 120, 'gates between waves': 15 });
    expect(shares[0]?.what).toBe('soak');
  });

  test('contains the start of an additional replica, as far as others are not leaving anyway', () => {
    const surged = told([1], { settleMs: 10_000 }, 1, 1);
    expect(seconds(surged.shares)['additional replicas (start and settle-time)']).toBe(13.2);
  });

  test('is nothing for a plan without waves', () => {
    expect(told([])).toEqual({ ms: 0, waves: [], shares: [] });
  });
});

describe('what is learned', () => {
  const old = (id: string, launched: number, created: number, ready: number, group = 'general') =>
    member(id, {
      group,
      launchedAt: launched * 1000,
      node: {
        ...node(id),
        metadata: { name: id, creationTimestamp: at(created) },
        status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(ready) }] },
      },
    });

  test('is how long nodes took from launch to ready, the slower ones for larger waves', () => {
    const members = [old('1', 100, 140, 150), old('2', 100, 150, 160), old('3', 100, 160, 190)];
    const { bootMs, assumed } = historyOf(members, [], new Map());
    expect([bootMs('general', 1), bootMs('general', 9), bootMs('elsewhere', 1)]).toEqual([
      60_000, 90_000, 60_000,
    ]);
    expect(assumed).toEqual(['an instance takes 75 s to terminate: no activity of the groups tells']);
  });

  test('includes the DaemonSets that started with a node, not those that came later', () => {
    const agent = (created: number, ready: number): Pod => ({
      ...pod('agent', { node: '1', owner: ['DaemonSet', 'agent'] }),
      metadata: {
        ...pod('agent', { owner: ['DaemonSet', 'agent'] }).metadata,
        creationTimestamp: at(created),
      },
      status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(ready) }] },
    });
    const boot = (one: Pod) => historyOf([old('1', 100, 140, 150)], [one], new Map()).bootMs('general', 1);
    expect(boot(agent(141, 170))).toBe(70_000);
    expect(boot(agent(90_000, 90_010))).toBe(50_000);
  });

  test('does not take a node for slow that was unready in between', () => {
    expect(historyOf([old('1', 100, 140, 9000)], [], new Map()).bootMs('general', 1)).toBe(40_000);
  });

  test('is how long instances took to terminate, hooks and all', () => {
    const activity = (started: number, ended?: number, description = 'Terminating EC2 instance: i-1') => ({
      id: 'a',
      status: ended ? 'Successful' : 'InProgress',
      reason: '',
      cause: '',
      description,
      startedAt: started,
      ...(ended ? { endedAt: ended } : {}),
      progress: 100,
    });
    const list = [activity(0, 300_000), activity(5), activity(0, 1, 'Launching a new EC2 instance: i-2')];
    const { terminateMs, assumed } = historyOf([], [], new Map([['general', list]]));
    expect([terminateMs('general'), terminateMs('other')]).toEqual([300_000, 300_000]);
    expect(assumed).toEqual(['the boot of a node takes 90 s: no present node tells']);
  });

  test('is how long pods take to start once they have a node', () => {
    const waited = web(1, 'a');
    waited.status!.conditions!.push({ type: 'PodScheduled', status: 'True', lastTransitionTime: at(2) });
    expect([startMsOf([web(0, 'a')]), startMsOf([waited]), startMsOf([])]).toEqual([4000, 2000, 10_000]);
  });

  test.each<[Partial<Pod['spec']['containers'][number]>, number | undefined, number]>([
    [{}, 30, 2],
    [{ lifecycle: { preStop: { sleep: { seconds: 15 } } } }, 30, 17],
    [{ lifecycle: { preStop: { exec: { command: ['sh', '-c', 'sleep 20 && kill 1'] } } } }, undefined, 22],
    [{ lifecycle: { preStop: { sleep: { seconds: 60 } } } }, 30, 30],
    [{}, 1, 1],
  ])('is how long a pod lingers, never beyond its grace: %j with %p s', (container, grace, expected) => {
    const spec = {
      containers: [{ name: 'web', ...container }],
      ...(grace ? { terminationGracePeriodSeconds: grace } : {}),
    };
    expect(leaveMsOf(pod('web', { spec }))).toBe(expected * 1000);
  });

  test('quantiles', () => {
    expect([quantile([], 0.5), quantile([3, 1, 2], 0.5), quantile([3, 1, 2], 1)]).toEqual([undefined, 2, 3]);
  });
});
