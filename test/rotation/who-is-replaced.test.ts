import { describe, expect, test } from '@jest/globals';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { oldImage } from '../../src/rehearsal/scenario/account.ts';
import { runEngine, shopWorld, startEngine, type World } from './world.ts';

const hour = 3_600_000;

/** The world after its nodes were replaced once: all of them run what they should. */
async function currentWorld(): Promise<World> {
  const world = await shopWorld({ factor: 4 });
  expect((await runEngine(world)).failure).toBe('');
  return world;
}

describe('nodes that run what they should are replaced', () => {
  test('all of them, once, when that is asked for', async () => {
    const world = await currentWorld();
    const before = world.cluster.store.list('nodes').map((n) => n.metadata.name);
    const run = await runEngine(world, { force: 'true' });
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '7' });
    expect(world.cluster.store.list('nodes').filter((n) => before.includes(n.metadata.name))).toEqual([]);
    expect(world.changed()).toEqual([]);
  });

  test('and only those that are left, when such a run was killed and is run again', async () => {
    const world = await currentWorld();
    const run = startEngine(world, { force: 'true' }, { afterWrite: 60 });
    for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
    const again = await runEngine(world, { force: 'true' });
    expect(again.failure).toBe('');
    expect(Number(again.outputs.replaced)).toBeLessThan(7);
    expect(world.changed()).toEqual([]);
  });

  test('those that are older than they may be', async () => {
    const world = await currentWorld();
    await world.clock.advance(3 * hour);
    expect((await runEngine(world, { 'max-node-age': '1d' })).outputs.verdict).toBe('nothing-to-do');
    const run = await runEngine(world, { 'max-node-age': '2h' });
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '7' });
    expect((await runEngine(world, { 'max-node-age': '2h' })).outputs.verdict).toBe('nothing-to-do');
    expect(world.changed()).toEqual([]);
  });
});

test('a node that kops says needs an update is replaced, whatever it runs', async () => {
  const world = await shopWorld({ factor: 4 });
  expect((await runEngine(world)).outputs.verdict).toBe('completed');
  const { store } = world.cluster;
  const [one] = store.list('nodes');
  if (!one) throw new Error('There is no node.');
  store.update('nodes', {
    ...one,
    metadata: {
      ...one.metadata,
      annotations: { ...one.metadata.annotations, 'kops.k8s.io/needs-update': '' },
    },
  });
  const run = await runEngine(world);
  expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '1' });
  expect(store.get('nodes', { name: one.metadata.name })).toBeUndefined();
});

describe('nodes that somebody else replaces', () => {
  const managed = ({ groups }: AwsDescription) =>
    groups.at(-1)?.tags.set('eks:nodegroup-name', 'data').set('eks:cluster-name', 'shop');
  const update = 'aws eks update-nodegroup-version --cluster-name shop --nodegroup-name data';

  test('are left alone when they are in a managed node group', async () => {
    const world = await shopWorld({ factor: 4, account: managed });
    const run = await runEngine(world);
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '4' });
    expect(run.log.join('\n')).toMatch(
      `Left alone: shop-data: it belongs to the EKS managed node group data`,
    );
    expect(run.log.join('\n')).toMatch(update);
    expect(world.outdated()).toHaveLength(3);
    expect(world.changed()).toEqual([]);
  });

  test('are refused when their managed group is named', async () => {
    const world = await shopWorld({ account: managed });
    const run = await runEngine(world, { groups: 'shop-general,shop-data' });
    expect(run.failure).toMatch(update);
    expect(world.outdated()).toHaveLength(7);
    expect(world.changed()).toEqual([]);
  });

  test.each(['control-plane', 'master', 'apiserver', 'bastion'])(
    'are left alone when kops says that they are of the role %s',
    async (role) => {
      const world = await shopWorld({
        account: ({ groups }) =>
          groups.at(-1)?.tags.set(`k8s.io/role/${role}`, '1').set('kops.k8s.io/instancegroup', 'special'),
      });
      const run = await runEngine(world, { phase: 'plan', validation: '', baseline: '' });
      expect(run.log.join('\n')).toMatch(
        `Left alone: shop-data: it is the kops instance group special with the role ${role}`,
      );
      expect(run.log.join('\n')).toMatch('kops rolling-update cluster --instance-group special --yes');
      expect(JSON.parse(run.outputs.plan ?? '').groups).toHaveLength(1);
    },
  );

  test('are counted when they are of Karpenter', async () => {
    const world = await shopWorld({ factor: 4 });
    const { store } = world.cluster;
    store.create('nodes', {
      metadata: { name: 'karpenters', labels: { 'karpenter.sh/nodepool': 'default' } },
      spec: { providerID: 'aws:///eu-west-1a/i-0karpenter' },
    });
    const run = await runEngine(world, { phase: 'plan', validation: '', baseline: '' });
    expect(run.log.join('\n')).toMatch('Left alone: 1 node of Karpenter');
    expect(JSON.parse(run.outputs.plan ?? '').groups[1].outdated).toBe(3);
  });

  test('are not touched while an instance refresh runs', async () => {
    const world = await shopWorld();
    world.cluster.aws.group('shop-data').refreshing = true;
    const run = await runEngine(world);
    expect(run.failure).toMatch('An instance refresh is running on shop-data');
    expect(run.failure).toMatch(
      'aws autoscaling cancel-instance-refresh --auto-scaling-group-name shop-data',
    );
    expect(world.changed()).toEqual([]);
    expect(world.lease()).toBeUndefined();
  });
});

describe('a mixed instances policy', () => {
  test('with templates of its own for some types, or by attributes, is replaced once and then finished', async () => {
    const world = await shopWorld({
      factor: 4,
      account: ({ groups, templates }) => {
        const [general] = groups;
        templates.push({
          id: 'lt-0other00000000000',
          name: 'shop-other',
          versions: [{ imageId: oldImage, instanceType: 'm5.xlarge' }],
          defaultVersion: 1,
        });
        const template = { id: 'lt-0other00000000000', version: '$Default' };
        if (general)
          general.overrides = [
            { instanceType: 'm5.large' },
            { instanceType: 'm5.xlarge', template },
            { template },
          ];
      },
    });
    const run = await runEngine(world);
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '7' });
    expect(world.outdated()).toEqual([]);
    expect(world.changed()).toEqual([]);
    expect((await runEngine(world)).outputs.verdict).toBe('nothing-to-do');
  });
});

describe('where AWS chooses the zone of a new node', () => {
  test.each([1, 2, 3, 4])('the zone that arrived decides who leaves (seed %i)', async (seed) => {
    const world = await shopWorld({
      seed,
      factor: 4,
      account: ({ groups }) => {
        groups.pop();
        for (const group of groups) {
          group.overrides = [{ instanceType: 'm5.large' }];
          group.desired = 7;
          group.max = 9;
        }
      },
    });
    const { instances } = world.cluster.aws;
    const before = [...instances.keys()];
    const run = startEngine(world);
    const left = () => before.map((id) => instances.get(id)).find((i) => i?.lifecycle.startsWith('Terminat'));
    for (let n = 0; !left() && n < 1000; n++) await world.clock.advance(500);
    const arrived = [...instances.values()].filter((i) => !before.includes(i.id)).map((i) => i.zone);
    expect(arrived).toEqual([left()?.zone]);
    expect(await world.clock.run(run.ended)).toBe('');
    expect(world.outdated()).toEqual([]);
    expect(world.changed()).toEqual([]);
  });
});

test.each([1, 2, 3, 4, 5, 6])(
  'a rotation ends also when its groups replace nodes themselves, in zones of their choice (seed %i)',
  async (seed) => {
    const world = await shopWorld({ factor: 4, seed });
    const run = await runEngine(world, { 'max-surge': '1', 'max-unavailable': '1' });
    expect(run.failure).toBe('');
    expect(world.outdated()).toEqual([]);
    expect(world.changed()).toEqual([]);
  },
);

describe('a target that moves stops the rotation before the next wave', () => {
  test('when the launch template gets another version', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = startEngine(world);
    await world.clock.advance(20_000);
    const template = world.cluster.aws.description.templates.find((t) => t.name === 'shop-general');
    template?.versions.push({ imageId: 'ami-0cccccccccccccccc', instanceType: 'm5.large' });
    const failure = await world.clock.run(run.ended);
    expect(failure).toMatch(
      /What shop-general launches has changed since the plan was made: planned were ami-0b+ and shop-general:2, now it is ami-0c+ and shop-general:3/,
    );
    expect(world.changed()).toEqual([]);
    expect((await runEngine(world)).outputs.verdict).toBe('completed');
    expect(world.changed()).toEqual([]);
  });

  test('when what was launched during the rotation is outdated already', async () => {
    const world = await shopWorld({ factor: 4 });
    const { instances } = world.cluster.aws;
    const before = new Set(instances.keys());
    const run = startEngine(world);
    const fresh = () => [...instances.values()].find((i) => !before.has(i.id));
    for (let n = 0; !fresh() && n < 10_000; n++) await world.clock.advance(50);
    const odd = fresh();
    if (odd) odd.imageId = oldImage;
    const failure = await world.clock.run(run.ended);
    expect(failure).toMatch(
      `Instance ${odd?.id} of ${odd?.group} was launched during the rotation and is outdated already: it runs ${oldImage}`,
    );
    expect(world.changed()).toEqual([]);
  });
});
