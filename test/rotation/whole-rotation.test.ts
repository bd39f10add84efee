import { describe, expect, test } from '@jest/globals';
import { neverJoins } from '../../src/rehearsal/faults/never-joins.ts';
import { noCapacity } from '../../src/rehearsal/faults/no-capacity.ts';
import { pdbNeverAllows } from '../../src/rehearsal/faults/pdb-never-allows.ts';
import { budget, deployment } from '../../src/rehearsal/scenario/objects.ts';
import { ledger } from './workloads.ts';
import { runEngine, shopWorld, startEngine, type World } from './world.ts';

/** Sweeps replay a rotation many times; a busy machine takes its time. */
const sweepMs = 90_000;

/** Nobody may have noticed: the budgets held at every moment, and nothing is left changed. */
function expectUnnoticed(world: World): void {
  expect(world.changed()).toEqual([]);
  expect(world.lease()).toBeUndefined();
  expect(world.fewestReady('checkout')).toBeGreaterThanOrEqual(1);
  expect(world.fewestReady('web')).toBeGreaterThanOrEqual(4);
  expect(world.fewestReady('orders')).toBeGreaterThanOrEqual(1);
  expect(world.fewestReady('ledger')).toBeGreaterThanOrEqual(2);
}

describe('a rotation of seven nodes in two groups', () => {
  test('replaces them all, unnoticed, and the next one finds nothing to do', async () => {
    const world = await shopWorld({ more: ledger });
    const run = await runEngine(world);
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({
      verdict: 'completed',
      replaced: '7',
      remaining: '0',
      complete: 'true',
      'not-restored': '[]',
    });
    expect(world.outdated()).toEqual([]);
    expectUnnoticed(world);
    expect(run.summary()).toMatch('rotate-nodes all: completed');
    expect(run.summary()).toMatch('Deployment kube-system/cluster-autoscaler back to 1');

    const next = await runEngine(world);
    expect(next.outputs).toMatchObject({ verdict: 'nothing-to-do', replaced: '0' });
    expectUnnoticed(world);
  });

  test('leaves Events on the nodes that it drains and terminates', async () => {
    const world = await shopWorld({ factor: 4 });
    const old = world.outdated();
    const run = await runEngine(world);
    const events = world.cluster.store
      .list('events', { namespace: 'default' })
      .filter((e) => e.source?.component === 'eks-rolling');
    for (const name of old)
      expect(
        events
          .filter((e) => e.involvedObject.name === name)
          .map((e) => e.reason)
          .sort(),
      ).toEqual(['RollingDrain', 'RollingTerminate']);
    expect(events).toHaveLength(14);
    expect(events.map((e) => e.message)).toContain(
      `Rotation ${run.outputs['run-id']} moves its pods to other nodes.`,
    );
  });

  test.each([
    { 'max-surge': '0', 'max-unavailable': '1' },
    { 'max-surge': '100%', canary: 'false' },
    { 'max-surge': '1', 'max-unavailable': '1' },
  ])('keeps within %j', async (limits: Record<string, string>) => {
    const world = await shopWorld({ factor: 4, seed: 2 });
    const run = startEngine(world, limits);
    const most = new Map<string, number>();
    const look = () => {
      for (const g of world.cluster.aws.groups.values())
        most.set(g.name, Math.max(g.desired, most.get(g.name) ?? 0));
      world.clock.after(1000, look);
    };
    look();
    expect(await world.clock.run(run.ended)).toBe('');
    expect(world.outdated()).toEqual([]);
    expectUnnoticed(world);
    const surge = { '0': [4, 3], '1': [5, 4], '100%': [8, 6] }[limits['max-surge'] ?? ''];
    expect([most.get('shop-general'), most.get('shop-data')]).toEqual(surge);
  });

  test('raises max where it must, and puts it back', async () => {
    const world = await shopWorld({
      factor: 4,
      account: ({ groups }) => {
        for (const group of groups) group.max = group.desired;
      },
    });
    const run = await runEngine(world);
    expect(run.log).toContain('Raised max of shop-general from 4 to 5.');
    expect(world.outdated()).toEqual([]);
    expectUnnoticed(world);
  });

  test('leaves alone what others changed: their suspension, their taint, a paused autoscaler', async () => {
    const world = await shopWorld({ factor: 4 });
    const { aws, store } = world.cluster;
    const ref = { namespace: 'kube-system', name: 'cluster-autoscaler' };
    aws.suspend('shop-data', ['AZRebalance'], true);
    store.modify('deployments', ref, (d) => {
      d.spec.replicas = 0;
    });
    const run = startEngine(world);
    await world.clock.advance(60_000);
    const fresh = store
      .list('nodes')
      .find((n) => n.spec.taints?.every((t) => t.key !== 'eks-rolling') ?? true);
    store.modify('nodes', { name: fresh?.metadata.name ?? '' }, (n) => {
      n.spec.taints = [...(n.spec.taints ?? []), { key: 'mine', effect: 'PreferNoSchedule' }];
    });
    expect(await world.clock.run(run.ended)).toBe('');
    expect(aws.group('shop-data').suspended).toContain('AZRebalance');
    expect(aws.group('shop-general').suspended).not.toContain('AZRebalance');
    expect(store.get('deployments', ref)?.spec.replicas).toBe(0);
    expect(store.get('nodes', { name: fresh?.metadata.name ?? '' })?.spec.taints).toContainEqual(
      expect.objectContaining({ key: 'mine' }),
    );
  });
});

describe('a rotation that cannot go on stops, says why, and puts everything back', () => {
  test('when a budget never allows an eviction', async () => {
    const world = await shopWorld({ fault: pdbNeverAllows });
    const run = await runEngine(world, { 'drain-timeout': '2m' });
    expect(run.failure).toMatch('after 2m (drain-timeout)');
    expect(run.failure).toMatch('Pod shop/ledger-0 is held by PodDisruptionBudget shop/ledger');
    expect(run.outputs.verdict).toBe('failed');
    expect(world.changed()).toEqual([]);
    expect(world.lease()).toBeUndefined();
    expect(world.fewestReady('ledger')).toBe(Number.POSITIVE_INFINITY);
  });

  test('when volumes bind pods to the last node of a zone and no replacement may come first', async () => {
    const world = await shopWorld({ more: ledger, factor: 4, seed: 2 });
    const run = await runEngine(world, { 'max-surge': '0', 'max-unavailable': '1', 'drain-timeout': '1m' });
    expect(run.failure).toMatch(/Pod shop\/ledger-\d is held by PodDisruptionBudget shop\/ledger/);
    await world.clock.advance(60_000);
    expectUnnoticed(world);
  });

  test('when AWS has no capacity', async () => {
    const world = await shopWorld({ fault: noCapacity });
    const run = await runEngine(world);
    expect(run.failure).toMatch(
      /shop-general: AWS did not launch 1 in eu-west-1.: We currently do not have sufficient/,
    );
    expectUnnoticed(world);
  });

  test('when new instances never become nodes', async () => {
    const world = await shopWorld({ fault: neverJoins });
    const run = await runEngine(world, { 'node-timeout': '5m' });
    expect(run.failure).toMatch(
      /after 5m \(node-timeout\): i-[0-9a-f]{17} runs but has not joined as a node/,
    );
    expect(run.failure).toMatch(/aws ec2 get-console-output --latest --instance-id i-[0-9a-f]{17}\./);
    expect(run.failure).toMatch(/replaced by its group: aws autoscaling terminate-instance/);
    expectUnnoticed(world);
  });

  test('or keeps all as it is when asked to, until somebody restores it', async () => {
    const world = await shopWorld({ fault: pdbNeverAllows, factor: 4 });
    const run = await runEngine(world, { 'drain-timeout': '1m', 'on-failure': 'keep' });
    expect(run.outputs.verdict).toBe('failed');
    expect(world.changed()).not.toEqual([]);
    expect(world.lease()?.metadata.annotations?.['eks-rolling/state']).toBe('parked');
    const restore = await runEngine(world, { phase: 'restore' });
    expect(restore.failure).toBe('');
    expect(restore.outputs.verdict).toBe('restored');
    expect(world.changed()).toEqual([]);
    expect(world.lease()).toBeUndefined();
    expect((await runEngine(world, { phase: 'restore' })).outputs.verdict).toBe('nothing-to-do');
  });
});

describe('a rotation that was interrupted is finished by running it again', () => {
  const finish = async (world: World): Promise<void> => {
    const again = await runEngine(world);
    expect(again.failure).toBe('');
    expect(world.outdated()).toEqual([]);
    expectUnnoticed(world);
  };

  test(
    'after SIGTERM at any moment, which it heeds at once and parks the run',
    async () => {
      for (const seconds of [0, 1, 4, 17, 35, 39, 41, 44, 60, 90, 130, 180, 210]) {
        const world = await shopWorld({ more: ledger, factor: 2, seed: seconds });
        const run = startEngine(world);
        await world.clock.advance(seconds * 1000);
        run.stop();
        const stoppedAt = world.clock.now();
        expect(await world.clock.run(run.ended)).toMatch('Stopped by SIGTERM');
        expect(world.clock.now() - stoppedAt).toBeLessThan(1000);
        expect(run.outputs.verdict).toBe('stopped');
        expect(run.summary()).toMatch('Run the workflow again');
        expect(world.lease()?.metadata.annotations?.['eks-rolling/state']).toBe('parked');
        await finish(world);
      }
    },
    sweepMs,
  );

  test(
    'after SIGKILL right behind any write, the journal before every change',
    async () => {
      // The first changes, one by one; then the surge of a Deployment; then over the whole run.
      for (const afterWrite of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 19, 25, 31, 44, 58, 71, 85, 99, 113]) {
        const world = await shopWorld({ more: ledger, factor: 2 });
        const run = startEngine(world, {}, { afterWrite });
        for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
        expect(run.killed()).toBe(true);
        await finish(world);
      }
    },
    sweepMs,
  );

  test('after SIGKILL between writing that a Deployment will be surged and doing it', async () => {
    const world = await shopWorld({ factor: 2 });
    const { store } = world.cluster;
    const journalled = () =>
      JSON.stringify(store.list('configmaps')).includes('deployment/shop/checkout/replicas');
    const run = startEngine(world);
    const unsubscribe = store.subscribe('configmaps', () => {
      if (journalled()) run.kill();
    });
    for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
    unsubscribe();
    expect(store.get('deployments', { namespace: 'shop', name: 'checkout' })?.spec.replicas).toBe(1);
    await finish(world);
  });

  test(
    'and can be put back instead, from anywhere',
    async () => {
      for (const afterWrite of [7, 60, 110]) {
        const world = await shopWorld({ more: ledger, factor: 2 });
        const run = startEngine(world, {}, { afterWrite });
        for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
        const restore = await runEngine(world, { phase: 'restore' });
        expect(restore.failure).toBe('');
        expectUnnoticed(world);
      }
    },
    sweepMs,
  );
});

describe('a rotation with Redis in between', () => {
  const redis = '[{name: ledger, namespace: shop, kind: cluster, pods: app=ledger}]';
  const prepared = async () => {
    const world = await shopWorld({ more: ledger, factor: 4 });
    const run = await runEngine(world, { phase: 'prepare', redis });
    expect(run.failure).toBe('');
    const { 'run-id': runId = '', 'plan-digest': digest = '' } = run.outputs;
    return { world, run, drain: { phase: 'drain', redis, 'run-id': runId, 'plan-digest': digest } };
  };
  /** What migrate-redis does, as far as nodes are concerned: one pod after the other goes to a new node. */
  const move = async ({ cluster, clock }: World) => {
    for (const name of ['ledger-0', 'ledger-1', 'ledger-2']) {
      cluster.registry.evict({ namespace: 'shop', name });
      await clock.advance(30_000);
    }
  };

  test('surges for the nodes that carry it, hands them on, and drains once it has moved', async () => {
    const { world, run, drain } = await prepared();
    expect(run.outputs.verdict).toBe('prepared');
    const nodes = JSON.parse(run.outputs.nodes ?? '') as string[];
    expect(nodes.length).toBeGreaterThanOrEqual(2);
    for (const name of nodes)
      expect(world.cluster.store.get('nodes', { name })?.spec.taints).toContainEqual(
        expect.objectContaining({ key: 'eks-rolling', value: run.outputs['run-id'], effect: 'NoSchedule' }),
      );
    const { peak } = JSON.parse(run.outputs.plan ?? '').groups[1];
    expect(peak).toBe(3 + nodes.length);
    expect(world.cluster.aws.group('shop-data').desired).toBe(peak);

    await move(world);
    const done = await runEngine(world, drain);
    expect(done.failure).toBe('');
    expect(done.outputs).toMatchObject({ verdict: 'completed', replaced: '7' });
    expect(world.outdated()).toEqual([]);
    expectUnnoticed(world);
  });

  test('refuses to drain while it is still there, naming pod and node, and puts everything back', async () => {
    const { world, drain } = await prepared();
    const refused = await runEngine(world, drain);
    expect(refused.failure).toMatch(/Redis has not moved: shop\/ledger-0 on ip-10-0-0-\d+\./);
    expect(refused.failure).toMatch('migrate-redis');
    expectUnnoticed(world);
  });

  test('refuses to be run in one phase', async () => {
    const world = await shopWorld({ more: ledger, factor: 4 });
    expect((await runEngine(world, { redis })).failure).toMatch('phase: prepare and migrate-redis before');
    expectUnnoticed(world);
  });

  test('refuses another plan, and a run that does not exist, without leaving a trace', async () => {
    const { drain } = await prepared();
    const fresh = await shopWorld({ more: ledger, factor: 4 });
    expect((await runEngine(fresh, drain)).failure).toMatch('is not unfinished');
    expect(fresh.cluster.store.list('configmaps')).toEqual([]);
    const { world } = await prepared();
    const runId = world.lease()?.spec.holderIdentity ?? '';
    const other = await runEngine(world, { ...drain, 'run-id': runId, 'plan-digest': 'other' });
    expect(other.failure).toMatch(/plan-digest: got other, but run .* has the plan [0-9a-f]{16}/);
  });
});

describe('before anything is touched', () => {
  test('phase plan only reads', async () => {
    const world = await shopWorld();
    const run = await runEngine(world, { phase: 'plan', validation: '', baseline: '' });
    expect(run.outputs.verdict).toBe('planned');
    expect(JSON.parse(run.outputs.plan ?? '')).toMatchObject({ waves: 4 });
    expect(run.writes()).toBe(0);
    expectUnnoticed(world);
  });

  test('every wrong input is listed at once', async () => {
    const world = await shopWorld();
    const run = await runEngine(world, {
      validation: '{"verdict":"failed"}',
      baseline: '',
      'max-surge': '0',
      'drain-timeout': 'soon',
      'cluster-autoscaler': 'yes',
    });
    for (const name of [
      'validation',
      'baseline',
      'max-surge and max-unavailable',
      'drain-timeout',
      'cluster-autoscaler',
    ])
      expect(run.failure).toMatch(`- ${name}: `);
    expect(run.writes()).toBe(0);
  });

  test('a group that does not exist, or an autoscaler that is not there, is named', async () => {
    const world = await shopWorld();
    expect((await runEngine(world, { groups: 'shop-general,shop-genral' })).failure).toMatch(
      'named shop-genral',
    );
    expect((await runEngine(world, { 'cluster-autoscaler': 'kube-system/ca' })).failure).toMatch(
      'there is no Deployment kube-system/ca',
    );
    expectUnnoticed(world);
  });
});

test('a Deployment whose budget never helps is not surged, but named', async () => {
  const stubborn = [
    deployment({ namespace: 'shop', name: 'stubborn', image: 'stubborn', replicas: 1 }),
    budget('shop', 'stubborn', { maxUnavailable: 0 }),
  ];
  const world = await shopWorld({ more: stubborn, factor: 4 });
  const run = await runEngine(world, { 'drain-timeout': '1m' });
  expect(run.failure).toMatch(/shop\/stubborn-.* is held by PodDisruptionBudget shop\/stubborn/);
  expect(run.failure).toMatch('Let the budget allow one disruption');
  expect(run.log.join()).not.toMatch('stubborn gets one replica more');
  expect(world.changed()).toEqual([]);
});
