import { describe, expect, test } from '@jest/globals';
import { instanceIdOf } from '../../src/cluster/members.ts';
import type { Aws, TargetHealth } from '../../src/cluster/ports.ts';
import { pdbNeverAllows } from '../../src/rehearsal/faults/pdb-never-allows.ts';
import { budget, deployment, type Manifest, service } from '../../src/rehearsal/scenario/objects.ts';
import { excludeLabel, leastHealthy, notYetIn, tooFewWithout } from '../../src/rotation/load-balancers.ts';
import { member } from './objects.ts';
import { startVisitors } from './visitors.ts';
import { runEngine, shopWorld, startEngine, type World, type WorldOptions } from './world.ts';

const target = (instance: string, state: string, balancer = 'web'): TargetHealth => ({
  id: `arn/${balancer}`,
  loadBalancer: balancer,
  instanceId: `i-${instance}`,
  state,
});

describe('how many healthy targets a load balancer keeps', () => {
  const health = [
    target('a', 'healthy'),
    target('b', 'healthy'),
    target('c', 'healthy'),
    target('d', 'unhealthy'),
    target('a', 'unhealthy', 'other'),
  ];
  const least = (minimum: number | string) => leastHealthy(health, new Set(['i-a']), minimum);

  test('is a share of those it has, rounded up, or a number', () => {
    expect(least('50%').get('arn/web')).toBe(2);
    expect(least('25%').get('arn/web')).toBe(1);
    expect(least(1).get('arn/web')).toBe(1);
    expect(least(0).get('arn/web')).toBe(0);
  });

  test('is never more than stay, but one when none would', () => {
    expect(least('100%').get('arn/web')).toBe(2);
    expect(least(20).get('arn/web')).toBe(2);
    expect(leastHealthy([target('a', 'healthy')], new Set(['i-a']), '50%').get('arn/web')).toBe(1);
  });

  test('counts those that this wave has taken out already, so that going on takes out no more', () => {
    const later = [
      target('a', 'draining'),
      target('x', 'draining'),
      target('b', 'healthy'),
      target('c', 'healthy'),
    ];
    expect(leastHealthy(later, new Set(['i-a']), '50%').get('arn/web')).toBe(2);
  });

  test('counts an instance with several ports once', () => {
    const twice = [...health, target('a', 'healthy'), target('b', 'healthy')];
    expect(leastHealthy(twice, new Set(), '100%').get('arn/web')).toBe(3);
    expect(leastHealthy(twice, new Set(['i-a']), '100%').get('arn/web')).toBe(2);
    expect(tooFewWithout('i-a', twice, least('50%'))).toEqual([]);
  });

  test('lets a node leave while enough others are healthy, and says where they are not', () => {
    expect(tooFewWithout('i-a', health, least('50%'))).toEqual([]);
    expect(tooFewWithout('i-a', health, new Map([['arn/web', 3]]))).toEqual([
      'web would have 2 healthy targets left, and needs 3',
    ]);
  });

  test('lets a node leave that is not healthy itself', () => {
    expect(tooFewWithout('i-d', health, new Map([['arn/web', 9]]))).toEqual([]);
    expect(tooFewWithout('i-e', health, new Map([['arn/web', 9]]))).toEqual([]);
  });
});

describe('a new node', () => {
  const wave = [member('a')];
  const fresh = [member('n', { state: 'current', launchedAt: 2 })];
  const health = (...of: TargetHealth[]) => notYetIn(fresh, wave, [target('a', 'healthy'), ...of], 1);

  test('is waited for where its predecessor is, until the load balancer has looked at it', () => {
    expect(health()).toEqual(['n is not registered in web']);
    expect(health(target('n', 'initial'))).toEqual(['n is initial in web']);
    expect(health(target('n', 'healthy'))).toEqual([]);
    expect(health(target('n', 'unhealthy'))).toEqual([]);
  });

  test('is not waited for in load balancers of other groups', () => {
    expect(notYetIn(fresh, [member('a', { group: 'data' })], [target('a', 'healthy')], 1)).toEqual([]);
  });

  test('is waited for where it comes back, and an old one that was never registered is not', () => {
    const old = [member('n', { state: 'current', launchedAt: 1 })];
    const there = [target('a', 'healthy')];
    expect(notYetIn(old, wave, there, 1)).toEqual([]);
    expect(notYetIn(old, wave, [...there, target('n', 'initial')], 1)).toEqual(['n is initial in web']);
  });
});

/** Three pods that are visited through nodes. */
const front = (how: 'anywhere' | 'local', replicas = 3): Manifest[] => [
  deployment({
    namespace: 'shop',
    name: 'front',
    image: 'front',
    replicas,
    port: 8080,
    lingerSeconds: 4,
    apart: 'preferred',
  }),
  budget('shop', 'front', { maxUnavailable: 1 }),
  service({ namespace: 'shop', name: 'front', port: 8080, throughNodes: how }),
];

const attached = 'targetgroup/shop-nodes';

/** A shop whose targets are all healthy. */
async function visited(more: Manifest[], options: WorldOptions = {}): Promise<World> {
  const world = await shopWorld({ factor: 2, ...options, more });
  await world.clock.advance(60_000);
  return world;
}

/** An engine that does not know of any load balancer. */
const blind = (aws: Aws): Aws => ({
  ...aws,
  balancersAt: async () => ({ targetGroups: [], classicLoadBalancers: [] }),
  targetHealth: async () => [],
});

const play = async (world: World, inputs: Record<string, string> = {}, through?: (aws: Aws) => Aws) => {
  const engine = startEngine(world, inputs, through ? { through } : {});
  return { ...engine, failure: await world.clock.run(engine.ended) };
};

const labelsOf = ({ cluster }: World) =>
  cluster.store.list('nodes').flatMap((n) => n.metadata.labels?.[excludeLabel] ?? []);

describe('visitors who come in through nodes', () => {
  test.each(['anywhere', 'local'] as const)('notice nothing when pods are %s', async (how) => {
    const world = await visited(front(how));
    const visitors = startVisitors(world, { service: 'front', local: how === 'local' });
    const run = await play(world);
    expect(run.failure).toBe('');
    expect(world.outdated()).toEqual([]);
    expect(visitors.failed).toEqual([]);
    expect(visitors.served).toBeGreaterThan(1000);
    expect(world.changed()).toEqual([]);
    expect(labelsOf(world)).toEqual([]);
  });

  test.each([
    ['anywhere', 'is off'],
    ['anywhere', 'went off under a visitor'],
    ['local', 'finds no pod of front'],
  ] as const)('are let down when pods are %s and nobody deregisters: a node %s', async (how, words) => {
    const world = await visited(front(how));
    const visitors = startVisitors(world, { service: 'front', local: how === 'local' });
    expect((await play(world, {}, blind)).failure).toBe('');
    expect(visitors.failed.join()).toMatch(words);
  });

  test('notice nothing when the engine is killed at any write and run again', async () => {
    for (const afterWrite of [14, 15, 16, 17, 18, 19, 20, 30, 45]) {
      const world = await visited(front('anywhere'));
      const visitors = startVisitors(world, { service: 'front' });
      const killed = startEngine(world, {}, { afterWrite });
      for (let n = 0; !killed.killed() && n < 2000; n++) await world.clock.advance(500);
      const again = await runEngine(world);
      expect(again.failure).toBe('');
      expect(world.outdated()).toEqual([]);
      expect(visitors.failed).toEqual([]);
      expect(world.changed()).toEqual([]);
    }
  }, 90_000);
});

describe('a node leaves its load balancers', () => {
  test('before any of its pods leaves, also those of its group, which the termination alone would not do', async () => {
    const states = async (through?: (aws: Aws) => Aws) => {
      const world = await visited([], {
        account: ({ groups }) => {
          for (const group of groups) group.classicLoadBalancers = ['old-elb'];
        },
      });
      const { aws, store } = world.cluster;
      const balancers = [...aws.balancing.targets.keys()];
      expect(
        balancers
          .map((b) =>
            b
              .split(':')
              .at(-1)
              ?.replace(/\/\w+$/, ''),
          )
          .sort(),
      ).toEqual(['old-elb', attached]);
      const seen = new Set<string>();
      store.subscribe('pods', ({ object, previous }) => {
        if (!object.metadata.deletionTimestamp || previous?.metadata.deletionTimestamp) return;
        if (object.metadata.namespace !== 'shop') return;
        const node = store.get('nodes', { name: object.spec.nodeName ?? '' });
        if (!node?.spec.taints?.some((t) => t.key === 'eks-rolling' && t.effect === 'NoSchedule')) return;
        const id = instanceIdOf(node) ?? '';
        for (const balancer of balancers) seen.add(aws.balancing.stateOf(balancer, id) ?? 'out');
      });
      expect((await play(world, {}, through)).failure).toBe('');
      expect(world.outdated()).toEqual([]);
      expect(world.changed()).toEqual([]);
      return [...seen].sort();
    };
    expect(await states()).toEqual(['out']);
    expect(await states(blind)).toContain('healthy');
  });

  test('only when its replacement serves there', async () => {
    const world = await visited(front('anywhere'));
    const { aws, store } = world.cluster;
    const { targets = '' } = aws.balancing.balancers[0] ?? {};
    const fresh: boolean[] = [];
    const old = new Set(aws.instances.keys());
    store.subscribe('nodes', ({ object, previous }) => {
      const is = object.metadata.labels?.[excludeLabel];
      if (!is || previous?.metadata.labels?.[excludeLabel]) return;
      const left = [...old].filter((id) => aws.balancing.stateOf(targets, id) !== 'healthy').length;
      const come = [...aws.instances.values()].filter(
        (i) => !old.has(i.id) && aws.balancing.stateOf(targets, i.id) === 'healthy',
      ).length;
      // The one that leaves now is still there.
      fresh.push(come > left);
    });
    expect((await play(world)).failure).toBe('');
    expect(fresh).toEqual(Array(7).fill(true));
  });

  test('after its pods where it is the only healthy one', async () => {
    const world = await visited(front('local', 1));
    const run = await play(world);
    expect(run.failure).toBe('');
    expect(run.log.join('\n')).toMatch(
      /The pods of ip-\S+ move before it leaves its load balancers: k8s-shop-front would have 0 healthy targets left, and needs 1\./,
    );
    expect(world.outdated()).toEqual([]);
    expect(world.changed()).toEqual([]);
  });

  test('not at all when nobody else is healthy, and can be put back later', async () => {
    const world = await visited(front('anywhere'));
    const leaving = () =>
      world.cluster.store
        .list('nodes')
        .filter((n) => n.spec.taints?.some((t) => t.key === 'eks-rolling' && t.effect === 'NoSchedule'))
        .map(instanceIdOf);
    const ill = (aws: Aws): Aws => ({
      ...aws,
      targetHealth: async (of) =>
        (await aws.targetHealth(of)).map((h) =>
          leaving().includes(h.instanceId) ? h : { ...h, state: 'unhealthy' },
        ),
    });
    const alone = { 'max-surge': '1', 'max-at-once': '1', 'deregistration-timeout': '1m' };
    const run = await play(world, alone, ill);
    expect(run.failure).toMatch(
      /Gave up waiting for enough healthy targets beside ip-\S+ after 1m \(deregistration-timeout\): .* would have 0 healthy targets left, and needs 1/,
    );
    expect(run.failure).toMatch('min-healthy-targets: 0');
    expect(labelsOf(world)).toEqual([]);
    expect((await runEngine(world, { phase: 'restore' })).failure).toBe('');
    expect(world.changed()).toEqual([]);
  });

  test('and the rotation fails when nobody takes it out, naming label and controller', async () => {
    const world = await visited([]);
    const { aws, registry, store } = world.cluster;
    const { dnsName, targets } = aws.balancing.create('network', 'stray');
    for (const { id } of aws.membersOf('shop-general')) aws.balancing.register(targets, id);
    registry.create('services', {
      metadata: { namespace: 'shop', name: 'stray' },
      spec: { type: 'LoadBalancer' },
    });
    store.modify('services', { namespace: 'shop', name: 'stray' }, (s) => {
      s.status = { loadBalancer: { ingress: [{ hostname: dnsName }] } };
    });
    await world.clock.advance(60_000);
    const unregistered = await play(world, { 'node-timeout': '4m' });
    expect(unregistered.failure).toMatch(/\(node-timeout\): ip-\S+ is not registered in stray/);
    const run = await play(world, {
      'max-surge': '0',
      'max-unavailable': '1',
      'deregistration-timeout': '1m',
    });
    expect(run.failure).toMatch(
      /the load balancers of ip-\S+ to let go of it after 1m \(deregistration-timeout\): healthy in stray\. It has the label/,
    );
    expect(labelsOf(world)).toEqual([]);
    await world.clock.advance(120_000);
    expect(world.changed()).toEqual([]);
  });

  test('and is not waited for when a connection stays longer than deregistration-timeout', async () => {
    const world = await visited(front('anywhere'));
    const run = await play(world, { 'deregistration-timeout': '5s' });
    expect(run.failure).toBe('');
    expect(run.log.join('\n')).toMatch(
      /connections through ip-\S+ to end after 5s \(deregistration-timeout\): .* Going on: nothing new comes in/,
    );
    expect(world.outdated()).toEqual([]);
  });

  test('by its termination where the group would replace it as unhealthy', async () => {
    const replaced = async (through?: (aws: Aws) => Aws) => {
      const world = await visited([], {
        account: ({ groups }) => {
          for (const group of groups) group.replacesUnhealthyTargets = true;
        },
      });
      const run = await play(world, {}, through);
      const causes = world.cluster.aws.group('shop-general').activities.map((a) => a.cause);
      return { run, byGroup: causes.filter((c) => c.includes('health check')).length };
    };
    const right = await replaced();
    expect(right.run.failure).toBe('');
    expect(right.byGroup).toBe(0);
    expect(right.run.log.join('\n')).toMatch('It stays in those of shop-general until it is terminated');
    const unaware = (aws: Aws): Aws => ({
      ...aws,
      groups: async (select) =>
        (await aws.groups(select)).map((g) => ({ ...g, replacesUnhealthyTargets: false })),
    });
    expect((await replaced(unaware)).byGroup).toBeGreaterThan(0);
  });
});

describe('what was changed at load balancers', () => {
  test.each([
    ['label', 'restore'],
    ['target', 'restore'],
    ['target', 'rollback'],
  ] as const)('is put back after a crash right behind the %s, by phase: %s', async (change, phase) => {
    const world = await visited(front('anywhere'));
    const { aws, store } = world.cluster;
    const [group = ''] = aws.group('shop-general').targetGroups;
    const run = startEngine(world);
    const happened = () =>
      change === 'label'
        ? labelsOf(world).length > 0
        : [...(aws.balancing.targets.get(group)?.values() ?? [])].includes('draining');
    for (let n = 0; !happened() && n < 20_000; n++) await world.clock.advance(50);
    run.kill();
    expect(happened()).toBe(true);
    await world.clock.advance(120_000);
    expect(world.changed().join()).toMatch('gets nothing from load balancers');
    const restored = await runEngine(world, { phase });
    expect(restored.failure).toBe('');
    expect(labelsOf(world)).toEqual([]);
    // A rollback points the groups back.
    expect(world.changed().filter((c) => !c.startsWith('launch of'))).toEqual([]);
    expect(JSON.stringify(store.list('configmaps'))).not.toMatch('"load-balancers"');
    expect((await runEngine(world, { phase: 'restore' })).outputs.verdict).toBe('nothing-to-do');
  });

  test('is put back for a node whose pods cannot leave, before the next wave begins (on-blocked: skip)', async () => {
    const world = await visited(front('anywhere'), { fault: pdbNeverAllows });
    const story: string[] = [];
    world.cluster.store.subscribe('nodes', ({ type, object, previous }) => {
      const [is, was] = [object, previous].map((n) => n?.metadata.labels?.[excludeLabel] !== undefined);
      if (type === 'MODIFIED' && is !== was) story.push(is ? 'out' : 'back');
    });
    const run = await play(world, { 'drain-timeout': '1m', 'on-blocked': 'skip' });
    expect([run.failure, run.outputs.verdict]).toEqual(['', 'incomplete']);
    const back = story.indexOf('back');
    expect(back).toBeGreaterThan(0);
    expect(story.slice(back)).toContain('out');
    expect(labelsOf(world)).toEqual([]);
    expect(world.changed().filter((c) => c.includes('gets nothing'))).toEqual([]);
  });

  test('is left as it is where somebody else excluded a node', async () => {
    const world = await visited(front('anywhere'), { fault: pdbNeverAllows });
    const { store } = world.cluster;
    for (const { metadata } of store.list('nodes'))
      store.modify('nodes', metadata, (n) => {
        n.metadata.labels = { ...n.metadata.labels, [excludeLabel]: 'mine' };
      });
    const run = await play(world, { 'drain-timeout': '1m' });
    expect(run.failure).toMatch('drain-timeout');
    expect(new Set(labelsOf(world))).toEqual(new Set(['mine']));
    expect(labelsOf(world)).toHaveLength(world.outdated().length);
  });

  test('is nothing, and AWS is not asked, where nothing sends requests to nodes', async () => {
    const world = await shopWorld({
      factor: 4,
      account: ({ groups }) => {
        for (const group of groups) group.targetGroups = [];
      },
    });
    const asked: string[] = [];
    const counting = (aws: Aws): Aws => ({
      ...aws,
      balancersAt: (names) => {
        asked.push('balancersAt');
        return aws.balancersAt(names);
      },
      targetHealth: (of) => {
        asked.push('targetHealth');
        return aws.targetHealth(of);
      },
    });
    const run = await play(world, {}, counting);
    expect(run.failure).toBe('');
    expect(asked).toEqual([]);
    expect(run.log.join('\n')).not.toMatch(/(its|the) load balancers/);
  });
});

test('a node that is no target yet does not become one while its pods leave', async () => {
  const world = await visited(front('anywhere'));
  const visitors = startVisitors(world, { service: 'front' });
  // These are in no load balancer of their group, only in that of the Service.
  const run = startEngine(world, { groups: 'shop-data', 'max-surge': '2', canary: 'false' });
  const fresh = () => run.log.some((l) => /^Wave 1: /.test(l));
  for (let n = 0; n < 4000 && !fresh(); n++) await world.clock.advance(250);
  run.stop();
  await world.clock.run(run.ended);
  // The first restore is killed when it has taken its surplus out of the load balancers; the next one takes off their labels first.
  const killed = startEngine(world, { phase: 'restore' });
  for (let n = 0; n < 4000 && !killed.log.some((l) => /^Evicting/.test(l)); n++)
    await world.clock.advance(250);
  killed.kill();
  await world.clock.advance(120_000);
  const restored = await runEngine(world, { phase: 'restore' });
  expect([restored.failure, restored.outputs.verdict]).toEqual(['', 'restored']);
  await world.clock.advance(60_000);
  expect(visitors.failed).toEqual([]);
  expect(labelsOf(world)).toEqual([]);
});
