import { describe, expect, test } from '@jest/globals';
import type { HorizontalPodAutoscaler } from '../../src/cluster/objects.ts';
import {
  budget,
  deployment,
  type Manifest,
  service,
  statefulSet,
} from '../../src/rehearsal/scenario/objects.ts';
import { runEngine, shopWorld, startEngine, type World } from './world.ts';

const sweepMs = 120_000;
const shop = { namespace: 'shop', image: 'app' };

/** One pod, a Service, and no budget. */
const lonely: Manifest[] = [
  deployment({ ...shop, name: 'lonely', port: 8080 }),
  service({ namespace: 'shop', name: 'lonely', port: 8080 }),
];

function autoscaled(name: string, min: number, max: number, owner?: string): Manifest[] {
  const object: HorizontalPodAutoscaler = {
    metadata: {
      name,
      namespace: 'shop',
      ...(owner
        ? {
            ownerReferences: [
              { apiVersion: 'keda.sh/v1alpha1', kind: owner, name, uid: 'u', controller: true },
            ],
          }
        : {}),
    },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: min,
      maxReplicas: max,
    },
  };
  return [deployment({ ...shop, name }), { resource: 'horizontalpodautoscalers', object }];
}

const minReplicas = ({ cluster: { store } }: World, name: string): number | undefined =>
  store.get('horizontalpodautoscalers', { namespace: 'shop', name })?.spec.minReplicas;

function expectUnnoticed(world: World): void {
  expect(world.changed()).toEqual([]);
  expect(world.lease()).toBeUndefined();
}

describe('a rotation keeps serving', () => {
  test('what has one replica and no budget: the new pod is there before the old one goes', async () => {
    const world = await shopWorld({ more: lonely, factor: 4 });
    const run = await runEngine(world);
    expect(run.failure).toBe('');
    expect(world.fewestReady('lonely')).toBeGreaterThanOrEqual(1);
    expect(run.log).toContain(
      'Deployment shop/lonely gets one replica more, because its only pod has to leave.',
    );
    expect(run.log).toContain('Deployment shop/lonely back to 1.');
    expectUnnoticed(world);
  });

  test('unless it is told not to, once for all or by an annotation', async () => {
    const off = await shopWorld({ more: lonely, factor: 4 });
    const run = await runEngine(off, { 'rollout-surge': 'off', 'drain-timeout': '1m' });
    expect(run.log.join()).not.toMatch('gets one replica more');
    // The budget of checkout holds its only pod then.
    expect(run.failure).toMatch(
      /Pod shop\/checkout-.* is held by PodDisruptionBudget shop\/checkout, for 1m/,
    );
    expectUnnoticed(off);

    const [manifest] = lonely;
    const annotated = structuredClone(manifest) as Manifest;
    annotated.object.metadata.annotations = { 'eks-rolling/rollout-surge': 'false' };
    const world = await shopWorld({ more: [annotated], factor: 4 });
    const other = await runEngine(world);
    expect(other.failure).toBe('');
    expect(other.log).toContain(
      'Deployment shop/lonely gets no replica more, because its annotation eks-rolling/rollout-surge says so; it is away until its pod is ready on another node.',
    );
    expect(world.fewestReady('lonely')).toBe(0);
    expectUnnoticed(world);
  });

  test('what an autoscaler scales, through its autoscaler', async () => {
    const world = await shopWorld({ more: autoscaled('scaled', 1, 3), factor: 4 });
    const run = await runEngine(world);
    expect(run.failure).toBe('');
    expect(world.fewestReady('scaled')).toBeGreaterThanOrEqual(1);
    expect(run.log).toContain(
      'Deployment shop/scaled gets one replica more from HorizontalPodAutoscaler scaled, because its only pod has to leave.',
    );
    expect(minReplicas(world, 'scaled')).toBe(1);
    await world.clock.advance(60_000);
    expectUnnoticed(world);
  });

  test('but does not ask an autoscaler that is at its most, or that KEDA keeps, and says so', async () => {
    const more = [...autoscaled('full', 1, 1), ...autoscaled('kept', 1, 3, 'ScaledObject')];
    const world = await shopWorld({ more, factor: 4 });
    const run = await runEngine(world);
    expect(run.failure).toBe('');
    const log = run.log.join('\n');
    expect(log).toMatch('because its HorizontalPodAutoscaler full allows no more than 1 (maxReplicas)');
    expect(log).toMatch('because its HorizontalPodAutoscaler kept belongs to ScaledObject kept');
    expect([minReplicas(world, 'full'), minReplicas(world, 'kept')]).toEqual([1, 1]);
    expectUnnoticed(world);
  });

  test('what has no budget and all of its pods on the nodes of one wave', async () => {
    const more = [
      deployment({ ...shop, name: 'pair', replicas: 2 }),
      statefulSet({ ...shop, name: 'trio', replicas: 3, parallel: true }),
    ];
    // With a pause between waves nobody leaves before all replacements serve.
    const inputs = { 'max-surge': '100%', canary: 'false', interval: '1s' };
    const careful = await shopWorld({ more, factor: 4 });
    const run = await runEngine(careful, inputs);
    expect(run.failure).toBe('');
    expect(careful.fewestReady('pair')).toBe(1);
    expect(careful.fewestReady('trio')).toBe(2);
    expect(run.log.join('\n')).toMatch(
      /must wait: Deployment shop\/pair has no budget and keeps 1 of 2 ready; this pod leaves when one more is/,
    );
    expectUnnoticed(careful);

    const atOnce = await shopWorld({ more, factor: 4 });
    expect((await runEngine(atOnce, { ...inputs, 'without-budget': 'all-at-once' })).failure).toBe('');
    expect(atOnce.fewestReady('trio')).toBe(0);
    expectUnnoticed(atOnce);
  });

  test('and leaves replicas that somebody else sets meanwhile as they are', async () => {
    const world = await shopWorld({ more: lonely, factor: 4 });
    const { store } = world.cluster;
    const unsubscribe = store.subscribe('deployments', ({ object }) => {
      if (object.metadata.name !== 'lonely' || object.spec.replicas !== 2) return;
      unsubscribe();
      world.clock.after(1, () =>
        store.modify('deployments', object.metadata, (d) => {
          d.spec.replicas = 4;
        }),
      );
    });
    const run = await runEngine(world);
    expect(run.failure).toBe('');
    expect(run.log).toContain('Deployment shop/lonely left at 4, which somebody else has set (it had 1).');
    expect(world.changed()).toEqual(['shop/lonely has 4 replicas, it had 1']);
  });
});

describe('an additional replica that does not come', () => {
  /** Its second pod asks for more than any node has; so it is with an image that cannot be pulled, for example. */
  const stuckWorld = async () => {
    const world = await shopWorld({ more: lonely, factor: 4 });
    const { store } = world.cluster;
    store.subscribe('pods', ({ type, object }) => {
      if (type === 'ADDED' && object.metadata.labels?.app === 'lonely')
        store.modify('pods', object.metadata, (p) => {
          p.spec.nodeSelector = { no: 'such-node' };
        });
    });
    return world;
  };

  test('ends the rotation before the only pod goes, and says what to do', async () => {
    const world = await stuckWorld();
    const run = await runEngine(world, { 'rollout-timeout': '2m' });
    expect(run.failure).toMatch(
      'The additional replica of Deployment shop/lonely does not serve after 2m (rollout-timeout): 0 of 1 ready on nodes that stay.',
    );
    expect(run.failure).toMatch('eks-rolling/rollout-surge: "false"');
    expect(world.fewestReady('lonely')).toBe(1);
    expect(world.changed()).toEqual([]);
  });

  test('leaves out the node of the only pod with on-blocked: skip', async () => {
    const world = await stuckWorld();
    const run = await runEngine(world, { 'rollout-timeout': '2m', 'on-blocked': 'skip' });
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'incomplete', replaced: '6', remaining: '1' });
    expect(world.fewestReady('lonely')).toBe(1);
    expect(world.changed()).toEqual([]);
  });
});

describe('a pod that is blocked for all of drain-timeout', () => {
  const stubborn = [
    deployment({ ...shop, name: 'stubborn', replicas: 1 }),
    budget('shop', 'stubborn', { maxUnavailable: 0 }),
  ];
  const skip = { 'on-blocked': 'skip', 'drain-timeout': '1m' };
  const relax = ({ cluster: { store } }: World) =>
    store.modify('poddisruptionbudgets', { namespace: 'shop', name: 'stubborn' }, (b) => {
      b.spec = { ...b.spec, maxUnavailable: 1 };
    });

  test('has its node left out by on-blocked: skip; the others go, and the next run tries it again', async () => {
    const world = await shopWorld({ more: stubborn, factor: 4 });
    const run = await runEngine(world, skip);
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({
      verdict: 'incomplete',
      complete: 'false',
      remaining: '1',
      replaced: '6',
      'not-restored': '[]',
    });
    const [old] = world.outdated();
    expect(JSON.parse(run.outputs.skipped ?? '')).toEqual([
      {
        node: old,
        why: [
          expect.stringMatching(
            /^Pod shop\/stubborn-.* is held by PodDisruptionBudget shop\/stubborn, for 1m/,
          ),
        ],
      },
    ]);
    expect(run.summary()).toMatch('**Left out**');
    expect(run.summary()).not.toMatch('time budget');
    expect(world.changed()).toEqual([]);
    expect(world.fewestReady('stubborn')).toBe(Number.POSITIVE_INFINITY);

    relax(world);
    const next = await runEngine(world, skip);
    expect(next.failure).toBe('');
    expect(next.outputs).toMatchObject({ verdict: 'completed', replaced: '1', remaining: '0' });
    expect(next.outputs['run-id']).toBe(run.outputs['run-id']);
    expect(world.outdated()).toEqual([]);
    expectUnnoticed(world);
  });

  test(
    'is left out also after SIGKILL behind any write, and nothing stays changed',
    async () => {
      let writes = 0;
      for (let afterWrite = 12; afterWrite < 200; afterWrite += 17) {
        const world = await shopWorld({ more: [...stubborn, ...lonely], factor: 4 });
        const run = startEngine(world, skip, { afterWrite });
        for (let n = 0; !run.killed() && n < 2000 && !run.outputs.verdict; n++)
          await world.clock.advance(500);
        if (!run.killed()) break;
        writes = afterWrite;
        const again = await runEngine(world, skip);
        expect([again.failure, again.outputs.verdict, again.outputs.remaining]).toEqual([
          '',
          'incomplete',
          '1',
        ]);
        expect(world.changed()).toEqual([]);
        expect(world.fewestReady('lonely')).toBeGreaterThanOrEqual(1);
      }
      expect(writes).toBeGreaterThan(60);
    },
    sweepMs,
  );

  test('is put back by phase: restore after SIGKILL in the middle', async () => {
    const world = await shopWorld({
      more: [...stubborn, ...lonely, ...autoscaled('scaled', 1, 3)],
      factor: 4,
    });
    const run = startEngine(world, skip, { afterWrite: 60 });
    for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
    const restore = await runEngine(world, { phase: 'restore' });
    expect(restore.failure).toBe('');
    expect(minReplicas(world, 'scaled')).toBe(1);
    expect(world.fewestReady('lonely')).toBeGreaterThanOrEqual(1);
    await world.clock.advance(60_000);
    expectUnnoticed(world);
  });

  /** Its pods run, and are never ready: their readiness gate stays shut. */
  const sick = (): Manifest[] => {
    const made = deployment({ ...shop, name: 'sick', replicas: 2 });
    if (made.resource === 'deployments')
      made.object.spec.template.spec.readinessGates = [{ conditionType: 'example.com/well' }];
    return [made, budget('shop', 'sick', { minAvailable: 1 })];
  };
  /** The pods of a world cannot be settled with pods that never are ready: they come later. */
  const sickWorld = async () => {
    const world = await shopWorld({ factor: 4 });
    world.cluster.apply(sick());
    await world.clock.advance(11 * 60_000);
    return world;
  };
  const force = { 'on-blocked': 'force', 'drain-timeout': '1m' };

  test('ends the rotation by default, also when it has long not been ready', async () => {
    const world = await sickWorld();
    const run = await runEngine(world, { 'drain-timeout': '1m' });
    expect(run.failure).toMatch('unhealthyPodEvictionPolicy: AlwaysAllow');
    expect(run.failure).toMatch('on-blocked: force');
    expect(world.changed()).toEqual([]);
  });

  test('is deleted by on-blocked: force if it has long not been ready, and that is told', async () => {
    const world = await sickWorld();
    const run = await runEngine(world, force);
    expect(run.failure).toBe('');
    expect(run.outputs.verdict).toBe('completed');
    const line =
      /Pod shop\/sick-\S+ was deleted past its budget \(on-blocked: force\): it had not been ready for 1\dm/;
    expect(run.log.join('\n')).toMatch(line);
    expect(run.summary()).toMatch('**Deleted past their budgets**');
    expect(run.summary()).toMatch(line);
    expectUnnoticed(world);
  });

  test('is never deleted when it is ready, or not long enough unready', async () => {
    const healthy = await shopWorld({ more: stubborn, factor: 4 });
    const run = await runEngine(healthy, force);
    expect(run.failure).toMatch(/Pod shop\/stubborn-.* is held by/);
    expect(healthy.fewestReady('stubborn')).toBe(Number.POSITIVE_INFINITY);
    expect(healthy.changed()).toEqual([]);

    const world = await sickWorld();
    const early = await runEngine(world, { ...force, 'force-unready-for': '2h' });
    expect(early.failure).toMatch(/Pod shop\/sick-.* is held by/);
    expect(early.log.join()).not.toMatch('was deleted past');
    expect(world.changed()).toEqual([]);
  });

  test('is deleted also by a run that was killed around it and run again', async () => {
    const world = await sickWorld();
    const run = startEngine(world, force);
    const unsubscribe = world.cluster.store.subscribe('configmaps', () => {
      if (JSON.stringify(world.cluster.store.list('configmaps')).includes('past its budget')) run.kill();
    });
    for (let n = 0; !run.killed() && n < 4000; n++) await world.clock.advance(500);
    unsubscribe();
    expect(run.killed()).toBe(true);
    const again = await runEngine(world, force);
    expect([again.failure, again.outputs.verdict]).toEqual(['', 'completed']);
    expect(again.summary()).toMatch('**Deleted past their budgets**');
    expectUnnoticed(world);
  });
});

test(
  'replicas are put back after SIGKILL right behind any write of a surge',
  async () => {
    const more = [...lonely, ...autoscaled('scaled', 1, 3)];
    for (let afterWrite = 10; afterWrite < 110; afterWrite += 9) {
      const world = await shopWorld({ more, factor: 4 });
      const run = startEngine(world, {}, { afterWrite });
      for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
      expect(run.killed()).toBe(true);
      const again = await runEngine(world);
      expect(again.failure).toBe('');
      expect(world.fewestReady('lonely')).toBeGreaterThanOrEqual(1);
      expect(world.fewestReady('scaled')).toBeGreaterThanOrEqual(1);
      expect(minReplicas(world, 'scaled')).toBe(1);
      await world.clock.advance(60_000);
      expectUnnoticed(world);
    }
  },
  sweepMs,
);
