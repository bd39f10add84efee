import { describe, expect, test } from '@jest/globals';
import type { Deployment, Pod } from '../../src/cluster/objects.ts';
import { validateCluster } from '../../src/operations/validate-cluster.ts';
import { apiRestart } from '../../src/rehearsal/faults/api-restart.ts';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { faults } from '../../src/rehearsal/faults/index.ts';
import { noCapacity } from '../../src/rehearsal/faults/no-capacity.ts';
import { deployment } from '../../src/rehearsal/scenario/objects.ts';
import {
  controlNodes,
  groupIn,
  kopsWorld,
  partOn,
  parts,
  setReady,
  withControlPlane,
  witness,
  zones,
} from './kops.ts';
import { runEngine, shopWorld, startEngine, type World } from './world.ts';

const sweepMs = 300_000;
const roll = { 'control-plane': 'roll' };
const only = { ...roll, groups: zones.map(groupIn).join(',') };

async function until(world: World, holds: () => boolean, stepMs = 500): Promise<void> {
  for (let n = 0; !holds() && n < 10_000; n++) await world.clock.advance(stepMs);
  expect(holds()).toBe(true);
}

const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** Control-plane nodes whose way out has begun. */
const closed = (world: World): string[] =>
  controlNodes(world)
    .filter((n) => n.spec.taints?.some((t) => t.key === 'eks-rolling' && t.effect === 'NoSchedule'))
    .map((n) => n.metadata.name);

describe('the control plane of kops', () => {
  test('is replaced before all workers, one member at a time, and etcd never loses its quorum', async () => {
    const world = await kopsWorld({ factor: 4 });
    const seen = witness(world);
    const run = await runEngine(world, roll);
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '10', remaining: '0' });
    expect(world.outdated()).toEqual([]);
    expect(world.changed()).toEqual([]);
    expect(seen.order().slice(0, 3)).toEqual(zones.map(groupIn));
    expect(seen.fewest()).toBe(2);
    expect(run.log.join('\n')).not.toMatch('Left alone');
  });

  test('is left alone and named unless that is asked for', async () => {
    const world = await kopsWorld();
    const before = controlNodes(world).map((n) => n.metadata.name);
    const run = await runEngine(world);
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '7' });
    expect(controlNodes(world).map((n) => n.metadata.name)).toEqual(before);
    expect(
      run.log.filter((l) => /^Left alone: control-plane-.*control-plane: roll here/.test(l)),
    ).toHaveLength(3);
    expect(world.changed()).toEqual([]);
  });

  test('can be rolled alone, by the names of its groups', async () => {
    const world = await kopsWorld();
    const run = await runEngine(world, only);
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '3' });
    expect(world.outdated()).toHaveLength(7);
    expect(world.changed()).toEqual([]);
    expect((await runEngine(world, only)).outputs.verdict).toBe('nothing-to-do');
  });

  test('is never larger than it was: no additional member is launched', async () => {
    const world = await kopsWorld();
    let most = 0;
    world.cluster.store.subscribe('nodes', () => {
      most = Math.max(most, controlNodes(world).length);
    });
    expect((await runEngine(world, { ...only, 'max-surge': '3' })).failure).toBe('');
    expect(most).toBe(3);
  });

  test('goes on only when etcd and the API server of a new node have been ready for control-plane-interval, without a break', async () => {
    const world = await kopsWorld();
    const { clock } = world;
    const old = controlNodes(world).map((n) => n.metadata.name);
    const left = () => old.filter((name) => controlNodes(world).some((n) => n.metadata.name === name)).length;
    const fresh = () => controlNodes(world).find((n) => !old.includes(n.metadata.name))?.metadata.name ?? '';
    const serves = () => parts.every((part) => isReady(partOn(world, part, fresh())));
    const run = startEngine(world, { ...only, 'control-plane-interval': '5m' });
    await until(world, () => left() === 2 && serves());
    await clock.advance(200_000);
    setReady(world, 'kube-apiserver', fresh(), false);
    await clock.advance(5_000);
    setReady(world, 'kube-apiserver', fresh(), true);
    const since = clock.now();
    await until(world, () => closed(world).some((name) => old.includes(name)));
    expect(clock.now() - since).toBeGreaterThanOrEqual(300_000);
    expect(clock.now() - since).toBeLessThan(330_000);
    run.kill();
  });
});

describe('what serves on the control plane', () => {
  test('leaves the load balancer of the API before its instance goes, one at a time', async () => {
    const balancer = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/0123456789abcdef';
    const world = await kopsWorld({
      account: ({ groups }) => {
        for (const { name, targetGroups } of groups)
          if (name.startsWith('control-plane')) targetGroups.push(balancer);
      },
    });
    const { aws, store } = world.cluster;
    const control = () => [...aws.instances.values()].filter((i) => i.group.startsWith('control-plane'));
    const states: string[] = [];
    let fewest = 3;
    store.subscribe('leases', () => {
      const targets = [...(aws.balancing.targets.get(balancer) ?? [])];
      fewest = Math.min(fewest, targets.filter(([, state]) => state === 'healthy').length);
      for (const { id, lifecycle } of control())
        if (lifecycle.startsWith('Terminat')) states.push(aws.balancing.stateOf(balancer, id) ?? 'out');
    });
    const run = await runEngine(world, only);
    expect(run.failure).toBe('');
    expect(run.outputs.replaced).toBe('3');
    expect(new Set(states)).toEqual(new Set(['out']));
    expect(fewest).toBe(2);
    await world.clock.advance(60_000);
    expect(world.changed()).toEqual([]);
  });

  test('is moved first where it can be: pods are evicted, static pods stay with their node', async () => {
    const chosen = deployment({
      namespace: 'kube-system',
      name: 'dns-controller',
      image: 'dns-controller',
      replicas: 1,
    });
    const { spec } = (chosen.object as Deployment).spec.template;
    spec.nodeSelector = { 'node-role.kubernetes.io/control-plane': '' };
    spec.tolerations = [
      { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' },
    ];
    const world = await kopsWorld({ more: [chosen] });
    const run = await runEngine(world, only);
    expect(run.failure).toBe('');
    expect(world.fewestReady('dns-controller')).toBeGreaterThanOrEqual(1);
    expect(world.outdated()).toHaveLength(7);
    expect(world.changed()).toEqual([]);
  });

  test('is validated beforehand where its groups are named', async () => {
    const world = await kopsWorld();
    const run = await runEngine(world, { groups: only.groups, timeout: '1s' }, validateCluster);
    expect([run.failure, run.outputs.verdict]).toEqual(['', 'passed']);
  });
});

describe('a member of the control plane is not replaced', () => {
  test('while etcd would lose its quorum, which is named, and then gives up in plain words', async () => {
    const world = await kopsWorld();
    const [a = '', b = '', c = ''] = controlNodes(world).map((n) => n.metadata.name);
    // Whichever leaves, one of the two clusters would have a single member left.
    setReady(world, 'etcd-manager-main', a, false);
    setReady(world, 'etcd-manager-events', b, false);
    const plan = await runEngine(world, { ...roll, phase: 'plan', validation: '', baseline: '' });
    expect(plan.log.join('\n')).toMatch(
      `At this moment ${a}, the first of the control plane, could not leave: etcd-manager-events would have 1 of 3 members ready`,
    );
    const run = await runEngine(world, roll);
    expect(run.failure).toMatch(
      `Gave up waiting for etcd and the API servers to do without ${a} after 15m (gate-timeout): etcd-manager-events would have 1 of 3 members ready, and needs 2 (not ready on ${b}). ${a} stays.`,
    );
    expect(run.log.join('\n')).toMatch(`Waiting for etcd and the API servers to do without ${a}`);
    expect(controlNodes(world).map((n) => n.metadata.name)).toEqual([a, b, c]);
    expect(world.outdated()).toHaveLength(10);
    expect(world.changed()).toEqual([]);
  });

  test('until etcd is whole again', async () => {
    const world = await kopsWorld();
    const [a = '', b = ''] = controlNodes(world).map((n) => n.metadata.name);
    setReady(world, 'etcd-manager-main', a, false);
    setReady(world, 'etcd-manager-events', b, false);
    const run = startEngine(world, only);
    await world.clock.advance(300_000);
    expect(world.outdated()).toHaveLength(10);
    setReady(world, 'etcd-manager-events', b, true);
    expect(await world.clock.run(run.ended)).toBe('');
    expect(world.outdated()).toHaveLength(7);
  });

  test('after a member of another zone that is broken, which costs nothing to replace', async () => {
    const world = await kopsWorld();
    const seen = witness(world);
    const broken = controlNodes(world).find((n) => n.spec.providerID?.includes(zones[2] ?? ''));
    setReady(world, 'etcd-manager-main', broken?.metadata.name ?? '', false);
    const run = await runEngine(world, only);
    expect(run.failure).toBe('');
    expect(seen.order()[0]).toBe(groupIn(zones[2] ?? ''));
    expect(seen.fewest()).toBe(2);
  });

  test('when the size of a group has changed, by which its members are counted', async () => {
    const world = await kopsWorld();
    const { aws } = world.cluster;
    const name = groupIn(zones[1] ?? '');
    const run = startEngine(world, only);
    await until(world, () => closed(world).length > 0);
    aws.resize(name, { max: 2, desired: 2 });
    expect(await world.clock.run(run.ended)).toMatch(
      `The desired size of ${name} was 1 when the plan was made, and now it is 2`,
    );
    expect(world.outdated()).toHaveLength(9);
    aws.resize(name, { desired: 1, max: 1 });
  });

  test('when it is the only one, or one of two', async () => {
    for (const size of [1, 2]) {
      const world = await kopsWorld({ size });
      const run = await runEngine(world, roll);
      expect(run.failure).toMatch(
        `etcd-manager-main has ${size === 1 ? '1 member' : '2 members'} and needs ${size}, so none can be spared`,
      );
      expect(run.failure).toMatch('kops rolling-update cluster --instance-group <name> --cloudonly --yes');
      expect(world.outdated()).toHaveLength(7 + size);
      expect(world.changed()).toEqual([]);
      expect(world.lease()).toBeUndefined();
    }
  });

  test('when nothing of etcd is seen', async () => {
    const world = await shopWorld({ account: (description) => withControlPlane(description) });
    const run = await runEngine(world, roll);
    expect(run.failure).toMatch('no pod with the label k8s-app: etcd-manager-... is seen in kube-system');
    expect(world.outdated()).toHaveLength(10);
  });

  test('before the one in its place has joined etcd, or ever when that does not come', async () => {
    const world = await kopsWorld();
    const old = controlNodes(world).map((n) => n.metadata.name);
    world.cluster.store.subscribe('pods', ({ type, object: { metadata, spec } }) => {
      const { nodeName = '' } = spec;
      if (type === 'ADDED' && metadata.name.startsWith('etcd-manager-main') && !old.includes(nodeName))
        setReady(world, 'etcd-manager-main', nodeName, false);
    });
    const run = await runEngine(world, roll);
    expect(run.failure).toMatch(
      /Gave up waiting for etcd and the API servers on the new nodes of the control plane after 16m \(node-timeout and control-plane-interval\): etcd-manager-main is not ready on/,
    );
    expect(world.outdated()).toHaveLength(9);
    expect(run.failure).toMatch('1 node is new and 9 old');
    expect(world.changed()).toEqual([]);
  });
});

describe('a rotation of the control plane', () => {
  test('comes first in the plan, with a peak of its size, and counts in duration and digest', async () => {
    const world = await kopsWorld();
    const look = { phase: 'plan', validation: '', baseline: '' };
    const workers = await runEngine(world, look);
    const all = await runEngine(world, { ...look, ...roll });
    expect(all.failure).toBe('');
    const [less, plan] = [workers, all].map((run) => JSON.parse(run.outputs.plan ?? ''));
    expect(plan.groups.slice(0, 3)).toMatchObject(
      zones.map((zone) => ({ name: groupIn(zone), desired: 1, peak: 1, outdated: 1 })),
    );
    const nodes = controlNodes(world).map((n) => n.metadata.name);
    expect(plan.order.slice(0, 3).map((w: { nodes: object }) => Object.keys(w.nodes))).toEqual(
      nodes.map((n) => [n]),
    );
    expect(plan.waves).toBe(less.waves + 3);
    expect(plan.forecast.peak).toBe(less.forecast.peak + 3);
    expect(plan.forecast.seconds).toBeGreaterThan(less.forecast.seconds + 3 * 60);
    expect(plan.digest).not.toBe(less.digest);
    expect(all.summary()).toMatch(`| 1 | ${nodes[0]} (${zones[0]})`);
    const other = await runEngine(world, { ...only, plan: workers.outputs.plan ?? '' });
    expect(other.failure).toMatch('group control-plane-eu-west-1a was not planned');
    const agreed = await runEngine(world, { ...roll, plan: all.outputs.plan ?? '' });
    expect(agreed.outputs).toMatchObject({ verdict: 'completed', replaced: '10' });
  });

  test('rests between two members when its time is up, and no worker begins', async () => {
    const world = await kopsWorld();
    const run = await runEngine(world, { ...roll, 'time-budget': '4m' });
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'incomplete', complete: 'false' });
    expect(Number(run.outputs.replaced)).toBeGreaterThan(0);
    expect(Number(run.outputs.remaining)).toBe(10 - Number(run.outputs.replaced));
    expect(world.outdated()).toHaveLength(10 - Number(run.outputs.replaced));
    expect(world.outdated().length).toBeGreaterThan(7);
    expect(world.changed()).toEqual([]);
    const next = await runEngine(world, roll);
    expect(next.outputs).toMatchObject({ verdict: 'completed', complete: 'true' });
    expect(world.outdated()).toEqual([]);
  });

  test('goes on when the API is away for minutes while a member goes', async () => {
    let awaySince: number | undefined;
    let since = 0;
    const world: World = await kopsWorld({
      fault: {
        ...apiRestart,
        kubernetes: (_request, _random, sinceMs) => {
          since = sinceMs;
          return awaySince !== undefined && sinceMs - awaySince < 180_000 ? 'no connection' : undefined;
        },
      },
    });
    const run = startEngine(world, only);
    await until(world, () => closed(world).length > 0, 50);
    awaySince = since;
    expect(await world.clock.run(run.ended)).toBe('');
    expect(run.log.join('\n')).toMatch('The API server does not answer: connect ECONNREFUSED');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '3' });
    expect(world.changed()).toEqual([]);
  });

  test('is not turned back: workers return, and it stays', async () => {
    const world = await kopsWorld({ factor: 4 });
    const run = await runEngine(world, roll);
    expect(run.outputs.verdict).toBe('completed');
    const nodes = controlNodes(world).map((n) => n.metadata.name);
    const back = await runEngine(world, { phase: 'rollback', 'run-id': run.outputs['run-id'] ?? '' });
    expect(back.failure).toBe('');
    expect(back.outputs).toMatchObject({ verdict: 'rolled-back', replaced: '7' });
    expect(back.log.join('\n')).toMatch(
      `The control plane (${groupIn(zones[0] ?? '')}, ${groupIn(zones[1] ?? '')} and ${groupIn(zones[2] ?? '')}) stays as it is`,
    );
    expect(back.summary()).toMatch('stays as it is');
    expect(controlNodes(world).map((n) => n.metadata.name)).toEqual(nodes);
    expect(world.outdated()).toHaveLength(7);
  });

  test('is not turned back either when it was all that was rolled, which says how kops does', async () => {
    const world = await kopsWorld({ factor: 4 });
    const run = await runEngine(world, only);
    const back = await runEngine(world, { phase: 'rollback', 'run-id': run.outputs['run-id'] ?? '' });
    expect(back.failure).toMatch(/cannot be rolled back: The control plane .*kops edit instancegroup/);
    expect(world.lease()).toBeUndefined();
    expect(world.outdated()).toHaveLength(7);
  });

  test.each([
    ['ami', 'recommended'],
    ['target-group', 'shop-general'],
  ])('is refused together with %s', async (name, value) => {
    const world = await kopsWorld();
    const run = await runEngine(world, { ...roll, [name]: value });
    expect(run.failure).toMatch(`control-plane and ${name}: what the control plane launches is set in kops`);
  });

  test('is refused where there is none', async () => {
    const run = await runEngine(await shopWorld(), roll);
    expect(run.failure).toMatch('no selected group carries the tag k8s.io/role/control-plane');
  });

  test('is refused when Redis runs there', async () => {
    const world = await kopsWorld();
    const [name = ''] = controlNodes(world).map((n) => n.metadata.name);
    world.cluster.store.create('pods', {
      metadata: { name: 'cache-0', namespace: 'shop', labels: { app: 'cache' } },
      spec: { nodeName: name, containers: [{ name: 'redis', image: 'redis' }] },
    });
    const redis =
      '[{name: cache, namespace: shop, kind: sentinel, pods: app=cache, sentinels: app=sentinel}]';
    const run = await runEngine(world, { ...roll, redis });
    expect(run.failure).toMatch(`control-plane: Redis runs on its nodes (shop/cache-0 on ${name})`);
    expect(world.outdated()).toHaveLength(10);
  });

  test('of anybody else is left alone', async () => {
    const world = await kopsWorld({
      account: ({ groups }) => {
        for (const { tags } of groups) tags.delete('k8s.io/role/control-plane');
      },
    });
    const nodes = controlNodes(world).map((n) => n.metadata.name);
    const run = await runEngine(world, { phase: 'plan', validation: '', baseline: '' });
    expect(JSON.parse(run.outputs.plan ?? '').groups).toHaveLength(2);
    expect(run.log.join('\n')).toMatch(
      `Left alone: ${groupIn(zones[0] ?? '')}: its node ${nodes[0]} is of the control plane`,
    );
  });
});

describe('whatever goes wrong, one member of the control plane is away at most', () => {
  /** What a group without surge learns only after its member has gone. */
  const stops: Record<string, RegExp> = {
    'never-joins': /runs but has not joined as a node/,
    'no-capacity': /AWS could not launch an instance: We currently do not have sufficient/,
    'full-zone': /AWS could not launch an instance: We currently do not have sufficient/,
    'stuck-hook': /is Terminating:Wait/,
  };

  test.each(faults)('with $name', async (fault) => {
    const world = await kopsWorld({ fault });
    const seen = witness(world);
    const run = await runEngine(world, only);
    expect(run.failure).toMatch(stops[fault.name] ?? /^$/);
    expect(seen.fewest()).toBeGreaterThanOrEqual(2);
    expect(world.outdated().length).toBe(run.failure ? (fault.name === 'stuck-hook' ? 10 : 9) : 7);
    expect(world.changed()).toEqual([]);
  });
});

test('a rotation of the control plane that AWS had no capacity for goes on when there is some, and not before', async () => {
  let lacks = true;
  const launchFailure: Fault['launchFailure'] = (...asked) =>
    lacks ? noCapacity.launchFailure?.(...asked) : undefined;
  const world = await kopsWorld({ fault: { ...noCapacity, launchFailure } });
  const seen = witness(world);
  expect((await runEngine(world, only)).failure).toMatch('AWS could not launch an instance');
  const again = await runEngine(world, only);
  expect(again.failure).toMatch('AWS could not launch an instance');
  expect(world.outdated()).toHaveLength(9);
  lacks = false;
  const last = await runEngine(world, only);
  expect(last.failure).toBe('');
  expect(last.outputs).toMatchObject({ verdict: 'completed', replaced: '2' });
  expect(seen.fewest()).toBe(2);
  expect(world.outdated()).toHaveLength(7);
  expect(world.changed()).toEqual([]);
});

describe('a rotation of the control plane that was killed', () => {
  test(
    'goes on behind any write, one member at a time, and leaves nothing behind',
    async () => {
      for (let afterWrite = 1; afterWrite <= 32; afterWrite++) {
        const world = await kopsWorld({ factor: 8 });
        const seen = witness(world);
        const run = startEngine(world, { ...only, 'control-plane-interval': '15s' }, { afterWrite });
        for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
        expect(run.killed()).toBe(true);
        const again = await runEngine(world, { ...only, 'control-plane-interval': '15s' });
        expect([afterWrite, again.failure]).toEqual([afterWrite, '']);
        expect(world.outdated()).toHaveLength(7);
        expect(world.changed()).toEqual([]);
        expect(seen.fewest()).toBe(2);
      }
    },
    sweepMs,
  );

  test('can be put back instead, from anywhere', async () => {
    for (const afterWrite of [5, 12, 18, 24, 30]) {
      const world = await kopsWorld({ factor: 8 });
      const run = startEngine(world, only, { afterWrite });
      for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
      expect(run.killed()).toBe(true);
      const restored = await runEngine(world, { phase: 'restore' });
      expect(restored.failure).toBe('');
      await world.clock.advance(120_000);
      expect(controlNodes(world)).toHaveLength(3);
      expect(world.changed()).toEqual([]);
      expect(world.lease()).toBeUndefined();
    }
  });
});
