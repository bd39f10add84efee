import { describe, expect, test } from '@jest/globals';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { neverJoins } from '../../src/rehearsal/faults/never-joins.ts';
import { newImage, oldImage } from '../../src/rehearsal/scenario/account.ts';
import { runEngine, shopWorld, startEngine, type World, type WorldOptions } from './world.ts';

const sweepMs = 120_000;
const otherImage = 'ami-0dddddddddddddddd';
const armImage = 'ami-0eeeeeeeeeeeeeeee';
const general = 'lt-0general0000000000';

/** All nodes run what their groups launch; more images and parameters than the shop has. */
const unreleased = (options: WorldOptions = {}): Promise<World> =>
  shopWorld({
    factor: 4,
    ...options,
    noRelease: true,
    account: (description) => {
      const createdAt = 0;
      description.images.push(
        { id: otherImage, name: 'golden', createdAt, own: true },
        {
          id: armImage,
          name: 'amazon-eks-node-al2023-arm64-standard-1.36-v1',
          createdAt,
          architecture: 'arm64',
        },
        { id: 'ami-0ffffffffffffffff', name: 'late', createdAt, state: 'pending' },
      );
      description.parameters = { '/golden/node': newImage, '/golden/json': '{}' };
      options.account?.(description);
    },
  });

function launchConfiguration({ groups, launchConfigurations }: AwsDescription): void {
  launchConfigurations.push({
    name: 'shop-old-way',
    imageId: oldImage,
    instanceType: 'm5.large',
    settings: { UserData: 'IyEvYmluL3No', SecurityGroups: ['sg-1'] },
  });
  const [group] = groups;
  delete group?.template;
  if (group) group.launchConfiguration = 'shop-old-way';
}

function mixed({ groups: [group], templates }: AwsDescription): void {
  templates.push({
    id: 'lt-0other00000000000',
    name: 'shop-other',
    versions: [
      { imageId: oldImage, instanceType: 'm5.xlarge' },
      { imageId: 'ami-0stale', instanceType: 'm5.xlarge' },
    ],
    defaultVersion: 1,
  });
  const template = { id: 'lt-0other00000000000', version: '$Default' };
  if (!group) return;
  group.overrides = [
    { instanceType: 'm5.large', weight: '1' },
    { instanceType: 'm5.xlarge', template },
    { template: { id: general, version: '$Latest' } },
  ];
  group.distribution = { OnDemandBaseCapacity: 1 };
}

const templateOf = (world: World, name: string) =>
  world.cluster.aws.description.templates.find((t) => t.name === name);
/** The versions that are there, as number and image. */
const versions = (world: World, name: string) =>
  templateOf(world, name)?.versions.flatMap((v, i) => (v.deleted ? [] : [`${i + 1} ${v.imageId}`]));
const journal = (world: World) => JSON.stringify(world.cluster.store.list('configmaps'));
const launchOf = (world: World, name: string) => {
  const { template, launchConfiguration, overrides } = world.cluster.aws.group(name);
  return [
    template?.version ?? launchConfiguration,
    ...(overrides ?? []).flatMap((o) => o.template?.version ?? []),
  ];
};
const untilKilled = async (world: World, run: ReturnType<typeof startEngine>) => {
  for (let n = 0; !run.killed() && n < 2000; n++) await world.clock.advance(500);
};

describe('a rotation to an image', () => {
  test.each([
    ['an id', newImage],
    ['an SSM parameter', '/golden/node'],
    ['what AWS recommends', 'recommended'],
  ])('by %s replaces all nodes, on one copy per template', async (_, ami) => {
    const world = await unreleased();
    const run = await runEngine(world, { ami });
    expect(run.failure).toBe('');
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '7', 'not-restored': '[]' });
    expect(world.outdated()).toEqual([]);
    for (const name of ['shop-general', 'shop-data']) {
      expect(versions(world, name)).toEqual([`1 ${oldImage}`, `2 ${newImage}`]);
      expect(templateOf(world, name)?.versions[1]?.description).toBe(
        `eks-rolling ${run.outputs['run-id']}: version 1 with ${newImage}`,
      );
      expect(run.log).toContain(`${name} launches ${name}:2 from now on, a copy with ${newImage}.`);
    }
    // The group stays on the copy, everything else is as before, and a rollback finds where it came from.
    expect(world.changed()).toEqual([
      expect.stringMatching(/^launch of shop-general is .*"Version":"2".*it was .*"\$Latest"/),
      expect.stringMatching(/^launch of shop-data is .*"Version":"2".*it was .*"\$Latest"/),
    ]);
    expect(world.lease()).toBeUndefined();
    expect(journal(world)).toMatch(/group\/shop-general\/launch.*\$Latest/);

    const next = await runEngine(world, { ami });
    expect(next.outputs).toMatchObject({ verdict: 'nothing-to-do', replaced: '0' });
    expect(versions(world, 'shop-general')).toHaveLength(2);
  });

  test('copies a launch configuration with all that it says', async () => {
    const world = await unreleased({ account: launchConfiguration });
    const run = await runEngine(world, { ami: newImage });
    expect(run.failure).toBe('');
    expect(world.outdated()).toEqual([]);
    const name = `shop-old-way-eks-rolling-${run.outputs['run-id']}`;
    expect(launchOf(world, 'shop-general')).toEqual([name]);
    expect(world.cluster.aws.description.launchConfigurations).toEqual([
      expect.objectContaining({ name: 'shop-old-way', imageId: oldImage }),
      {
        name,
        imageId: newImage,
        instanceType: 'm5.large',
        settings: { UserData: 'IyEvYmluL3No', SecurityGroups: ['sg-1'] },
      },
    ]);
    expect((await runEngine(world, { ami: newImage })).outputs.verdict).toBe('nothing-to-do');
  });

  test('copies each template of a mixed instances policy once, and keeps the rest of the policy', async () => {
    const world = await unreleased({ account: mixed });
    const before = structuredClone(world.cluster.aws.group('shop-general').overrides);
    const run = await runEngine(world, { ami: newImage });
    expect(run.failure).toBe('');
    expect(world.outdated()).toEqual([]);
    expect(versions(world, 'shop-general')).toEqual([`1 ${oldImage}`, `2 ${newImage}`]);
    expect(versions(world, 'shop-other')).toEqual([`1 ${oldImage}`, '2 ami-0stale', `3 ${newImage}`]);
    expect(launchOf(world, 'shop-general')).toEqual(['2', '3', '2']);
    const { overrides, distribution } = world.cluster.aws.group('shop-general');
    const without = (list: typeof overrides) => list?.map(({ template, ...rest }) => rest);
    expect([without(overrides), distribution]).toEqual([without(before), { OnDemandBaseCapacity: 1 }]);
    expect((await runEngine(world, { ami: newImage })).outputs.verdict).toBe('nothing-to-do');
  });

  test('gives two groups that share a template one copy, and a group without nodes its image, too', async () => {
    const world = await unreleased({
      account: ({ groups }) => {
        const [first] = groups;
        if (first)
          groups.push({ ...first, name: 'shop-empty', min: 0, desired: 0, tags: new Map(first.tags) });
      },
    });
    const run = await runEngine(world, { ami: newImage });
    expect(run.failure).toBe('');
    expect(versions(world, 'shop-general')).toHaveLength(2);
    expect([launchOf(world, 'shop-general'), launchOf(world, 'shop-empty')]).toEqual([['2'], ['2']]);
  });

  test('makes no copy where the group launches that image already', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = await runEngine(world, { ami: newImage });
    expect(run.outputs).toMatchObject({ verdict: 'completed', replaced: '7' });
    expect(versions(world, 'shop-general')).toHaveLength(2);
    expect(world.changed()).toEqual([]);
  });

  test('says in the plan what is launched now and then, changes nothing, and its digest tells images apart', async () => {
    const world = await unreleased();
    const plan = (ami: string) => runEngine(world, { phase: 'plan', validation: '', baseline: '', ami });
    const run = await plan('recommended');
    expect(run.log).toContain(
      `Plan: shop-general launches ${oldImage} now and ${newImage} then, from a copy of shop-general:1 that is made.`,
    );
    expect(JSON.parse(run.outputs.plan ?? '').groups[0]).toMatchObject({ outdated: 4, imageId: newImage });
    expect(run.summary()).toMatch(`| shop-general:1 (copy) | ${oldImage} → ${newImage} |`);
    const digests = [run, await plan(newImage), await plan(otherImage), await plan('')].map(
      (r) => r.outputs['plan-digest'],
    );
    expect(new Set(digests).size).toBe(4);
    expect(run.writes()).toBe(0);
    expect(world.changed()).toEqual([]);
  });
});

describe('a rotation to an image that was killed', () => {
  const accounts = {
    templates: () => {},
    'a launch configuration': launchConfiguration,
    'a mixed policy': mixed,
  };
  /** From the first entry about it in the journal until both groups are pointed at their copies. */
  const around = [12, 13, 14, 15, 16, 17, 18, 19];

  test.each(Object.entries(accounts))(
    'around its copies is finished by running it again, with no second copy: %s',
    async (_, account) => {
      for (const afterWrite of around) {
        const world = await unreleased({ account });
        await untilKilled(world, startEngine(world, { ami: newImage }, { afterWrite }));
        const again = await runEngine(world, { ami: newImage });
        expect([afterWrite, again.failure, again.outputs.verdict]).toEqual([afterWrite, '', 'completed']);
        expect(world.outdated()).toEqual([]);
        const { templates, launchConfigurations } = world.cluster.aws.description;
        const copies = templates.flatMap((t) => t.versions.filter((v) => v.imageId === newImage));
        expect(copies.length + launchConfigurations.length).toBe(account === accounts.templates ? 2 : 3);
        expect(world.changed().filter((line) => !line.startsWith('launch of'))).toEqual([]);
      }
    },
    sweepMs,
  );

  test.each(Object.entries(accounts))(
    'around its copies is put back whole, and nothing of it is left: %s',
    async (_, account) => {
      for (const afterWrite of around) {
        const world = await unreleased({ account });
        const before = structuredClone(world.cluster.aws.description.launchConfigurations);
        await untilKilled(world, startEngine(world, { ami: newImage }, { afterWrite }));
        const back = await runEngine(world, { phase: 'restore' });
        expect([afterWrite, back.failure, back.outputs.verdict]).toEqual([afterWrite, '', 'restored']);
        expect(world.changed()).toEqual([]);
        expect(world.lease()).toBeUndefined();
        const { templates, launchConfigurations } = world.cluster.aws.description;
        expect(launchConfigurations).toEqual(before);
        expect(templates.flatMap((t) => t.versions.filter((v) => v.description && !v.deleted))).toEqual([]);
      }
    },
    sweepMs,
  );

  test(
    'while it was put back, is put back by running restore again',
    async () => {
      for (const afterWrite of [2, 3, 4, 5, 6, 7, 8, 9, 10]) {
        const world = await unreleased({ account: mixed });
        await untilKilled(world, startEngine(world, { ami: newImage }, { afterWrite: 20 }));
        await untilKilled(world, startEngine(world, { phase: 'restore' }, { afterWrite }));
        const back = await runEngine(world, { phase: 'restore' });
        expect([afterWrite, back.failure]).toEqual([afterWrite, '']);
        expect(world.changed()).toEqual([]);
        expect(versions(world, 'shop-general')).toEqual([`1 ${oldImage}`]);
      }
    },
    sweepMs,
  );

  test('goes on to the image of its plan, also when the parameter names another one by now', async () => {
    const world = await unreleased();
    await untilKilled(world, startEngine(world, { ami: 'recommended' }, { afterWrite: 5 }));
    world.cluster.aws.description.recommendedImage = otherImage;
    const again = await runEngine(world, { ami: 'recommended' });
    expect(again.failure).toBe('');
    expect(world.outdated()).toEqual([]);
  });

  test('stops when what the group launches was changed meanwhile, and copies nothing', async () => {
    const world = await unreleased();
    await untilKilled(world, startEngine(world, { ami: newImage }, { afterWrite: 5 }));
    templateOf(world, 'shop-general')?.versions.push({ imageId: otherImage, instanceType: 'm5.large' });
    const again = await runEngine(world, { ami: newImage });
    expect(again.failure).toMatch(
      `What shop-general launches has changed since the plan was made: planned was a copy of shop-general:1 with ${oldImage}, now it is shop-general:2 with ${otherImage}`,
    );
    expect(versions(world, 'shop-general')).toHaveLength(2);
    expect(world.changed()).toEqual([]);
  });

  test('does not go on with another image, and touches nothing for having been asked to', async () => {
    const world = await unreleased();
    const run = startEngine(world, { ami: newImage }, { afterWrite: 25 });
    await untilKilled(world, run);
    const before = world.changed();
    const other = await runEngine(world, { ami: otherImage });
    expect(other.failure).toMatch(`ami: got ${otherImage}, but the plan of the unfinished run`);
    expect(world.changed()).toEqual(before);
    // Left out, it asks for no other image.
    const again = await runEngine(world);
    expect(again.failure).toBe('');
    expect(world.outdated()).toEqual([]);
  });
});

describe('a rotation to an image that failed', () => {
  test('before a node runs it points the groups back and removes the copies', async () => {
    const world = await unreleased({ fault: neverJoins });
    const run = await runEngine(world, { ami: newImage, 'node-timeout': '5m' });
    expect(run.failure).toMatch('(node-timeout)');
    expect(world.changed()).toEqual([]);
    expect(run.summary()).toMatch('shop-general launches shop-general:1 again');
    expect(versions(world, 'shop-general')).toEqual([`1 ${oldImage}`]);
    expect(journal(world)).not.toMatch('group/shop-general/launch');
  });

  test('after a node runs it leaves that group pointed at its copy, says so, and takes the others back', async () => {
    const world = await unreleased({
      account: ({ groups: [first, second] }) => {
        if (first?.template && second) second.template = { ...first.template };
      },
    });
    const run = startEngine(world, { ami: newImage, 'max-at-once': '1' });
    const fresh = () => 7 - world.outdated().length;
    for (let n = 0; fresh() < 1 || world.cluster.store.list('nodes').length > 7; n++) {
      if (n > 2000) throw new Error('No node was replaced.');
      await world.clock.advance(500);
    }
    run.stop();
    await world.clock.run(run.ended);
    const restore = await runEngine(world, { phase: 'restore' });
    expect(restore.failure).toBe('');
    const kept =
      [...world.cluster.aws.instances.values()].find((i) => i.template?.version === '2')?.group ?? '';
    const other = kept === 'shop-general' ? 'shop-data' : 'shop-general';
    expect(restore.log).toContainEqual(
      expect.stringMatching(
        `^${kept} stays pointed at its copy with ${newImage}: 1 node of it runs that already`,
      ),
    );
    // $Latest is the copy that the first one keeps: the other one must not follow it there.
    expect([launchOf(world, kept), launchOf(world, other)]).toEqual([['2'], ['1']]);
    expect(restore.log).toContainEqual(
      expect.stringMatching(`^${other} launches what it did before, but by the number`),
    );
    expect(world.changed().filter((line) => !line.startsWith('launch of'))).toEqual([]);
    expect(journal(world)).toMatch(`group/${kept}/launch`);
  });

  test('leaves alone what somebody else has changed in the meantime', async () => {
    const world = await unreleased();
    await untilKilled(world, startEngine(world, { ami: newImage }, { afterWrite: 20 }));
    world.cluster.aws.group('shop-data').template = { id: general, version: '1' };
    const back = await runEngine(world, { phase: 'restore' });
    expect(back.log).toContain(
      'What shop-data launches from was changed by somebody else; it is left as it is.',
    );
    expect([launchOf(world, 'shop-general'), launchOf(world, 'shop-data')]).toEqual([['$Latest'], ['1']]);
  });

  test('says which copy stays when it may not be removed', async () => {
    const world = await unreleased();
    await untilKilled(world, startEngine(world, { ami: newImage }, { afterWrite: 20 }));
    const template = templateOf(world, 'shop-general');
    if (template) template.defaultVersion = 2;
    const back = await runEngine(world, { phase: 'restore' });
    expect(back.failure).toBe('');
    expect(back.log).toContainEqual(
      expect.stringMatching(/^The copy shop-general:2 stays, because it could not/),
    );
    expect([launchOf(world, 'shop-general'), launchOf(world, 'shop-data')]).toEqual([['1'], ['$Latest']]);
  });
});

test('a rotation to an image that rests when its time is up keeps it where nodes run it, and goes on later', async () => {
  const world = await unreleased();
  const run = await runEngine(world, { ami: newImage, 'time-budget': '15s' });
  expect(run.outputs).toMatchObject({ verdict: 'incomplete', replaced: '2' });
  expect([launchOf(world, 'shop-general'), launchOf(world, 'shop-data')]).toEqual([['2'], ['2']]);
  expect(world.changed().filter((line) => !line.startsWith('launch of'))).toEqual([]);
  const again = await runEngine(world);
  expect([again.failure, again.outputs.verdict]).toEqual(['', 'completed']);
  expect(world.outdated()).toEqual([]);
  expect(versions(world, 'shop-general')).toHaveLength(2);
});

describe('a rotation to an image that is rolled back', () => {
  const images = (world: World) => new Set(world.cluster.aws.membersOf('shop-general').map((i) => i.imageId));

  test('when it has ended leaves no copy, and every group as it was', async () => {
    const world = await unreleased();
    const run = await runEngine(world, { ami: newImage });
    expect(images(world)).toEqual(new Set([newImage]));
    const back = await runEngine(world, { phase: 'rollback', 'run-id': run.outputs['run-id'] ?? '' });
    expect(back.failure).toBe('');
    expect(images(world)).toEqual(new Set([oldImage]));
    expect(world.changed()).toEqual([]);
    expect(versions(world, 'shop-general')).toEqual([`1 ${oldImage}`]);
  });

  test('when it was killed halfway leaves no copy, and every group as it was', async () => {
    const world = await unreleased();
    await untilKilled(world, startEngine(world, { ami: newImage }, { afterWrite: 70 }));
    expect(images(world)).toContain(newImage);
    const back = await runEngine(world, { phase: 'rollback' });
    expect(back.failure).toBe('');
    expect(images(world)).toEqual(new Set([oldImage]));
    expect(world.changed()).toEqual([]);
    expect(versions(world, 'shop-general')).toEqual([`1 ${oldImage}`]);
  });

  test('goes back to what the group launched before, though its nodes ran an older version', async () => {
    const world = await unreleased({
      account: ({ templates }) => {
        for (const t of templates) t.versions.push({ imageId: oldImage, instanceType: 'm5.large' });
      },
    });
    const run = await runEngine(world, { ami: newImage });
    const back = await runEngine(world, { phase: 'rollback', 'run-id': run.outputs['run-id'] ?? '' });
    expect(back.failure).toBe('');
    expect(images(world)).toEqual(new Set([oldImage]));
    expect(world.changed()).toEqual([]);
    expect(versions(world, 'shop-general')).toEqual([`1 ${oldImage}`, `2 ${oldImage}`]);
  });
});

test('Redis on nodes that the image makes outdated is found before anything is touched', async () => {
  const world = await unreleased();
  const redis = '[{name: web, namespace: shop, kind: cluster, pods: app=web}]';
  const run = await runEngine(world, { ami: newImage, redis });
  expect(run.failure).toMatch(/Redis has not moved: .*phase: prepare and migrate-redis before/);
  expect(world.changed()).toEqual([]);
  expect(versions(world, 'shop-general')).toHaveLength(1);
});

describe('an image is refused before anything is touched', () => {
  const cases: [string, string, RegExp, ((d: AwsDescription) => void)?][] = [
    [
      'that does not exist',
      'ami-0123456789abcdef0',
      /ami-0123456789abcdef0 does not exist in this region, or/,
    ],
    ['that is not available yet', 'ami-0ffffffffffffffff', /ami-0f+ is pending, it must be available/],
    [
      'for another architecture',
      armImage,
      /ami-0e+ is for arm64, but shop-general launches ami-0a+ for x86_64/,
    ],
    ['by a parameter that is not there', '/nope', /there is no SSM parameter \/nope in this region/],
    ['by a parameter with something else', '/golden/json', /\/golden\/json holds no image id/],
    [
      "that nobody recommends for an image of one's own",
      'recommended',
      /shop-general launches ami-0a+ \(amazon-eks-node-.*\), which is no image that AWS publishes .* name an image id/,
      ({ images: [old] }) => {
        if (old) old.own = true;
      },
    ],
    [
      'whose copy would lack a volume',
      newImage,
      /shop-general:1 of shop-general makes \/dev\/xvdb from snapshots/,
      ({ templates: [template] }) => {
        const [version] = template?.versions ?? [];
        if (version) version.snapshots = ['/dev/xvdb'];
      },
    ],
    [
      'whose copy others would launch unasked',
      newImage,
      /of-others would launch the copy of shop-general unasked, following \$Latest of it/,
      ({ groups }) => {
        const [first] = groups;
        if (first) groups.push({ ...first, name: 'of-others', desired: 0, min: 0, tags: new Map() });
      },
    ],
    [
      'when the present one is gone',
      newImage,
      /shop-general launches ami-0a+, which does not exist any more/,
      (description) => {
        description.images = description.images.filter((i) => i.id !== oldImage);
      },
    ],
  ];

  test.each(cases.map(([name, ...rest]) => [name, rest] as const))('%s', async (_, [ami, why, account]) => {
    const world = await unreleased(account ? { account } : {});
    for (const phase of ['plan', 'all']) {
      const run = await runEngine(world, { phase, ami });
      expect(run.failure).toMatch(why);
      expect(run.failure).toMatch(`ami: got ${ami}, and`);
      expect(world.changed()).toEqual([]);
      expect(world.lease()).toBeUndefined();
      expect(versions(world, 'shop-general')).toHaveLength(1);
    }
  });

  test.each(['ami-xyz', 'newest', 'resolve:ssm:/golden/node', '/golden/', 'ami-0123'])(
    'that is written as %s',
    async (ami) => {
      const world = await shopWorld();
      const run = await runEngine(world, { ami });
      expect(run.failure).toMatch(`- ami: got "${ami}", expected an image id such as`);
      expect(run.writes()).toBe(0);
    },
  );

  test('for a group that takes the place of others, which brings its own', async () => {
    const world = await shopWorld();
    const run = await runEngine(world, { ami: newImage, 'target-group': 'shop-data' });
    expect(run.failure).toMatch('- ami and target-group: a group that takes the place of others');
    expect(run.writes()).toBe(0);
  });

  test('or only said to be of another family, which its user data may not fit', async () => {
    const world = await unreleased({
      account: ({ images: [old] }) => {
        if (old) old.name = 'amazon-eks-node-1.29-v20240703';
      },
    });
    const run = await runEngine(world, { phase: 'plan', ami: newImage });
    expect(run.log).toContainEqual(
      expect.stringMatching(/^shop-general goes from Amazon Linux 2 to Amazon Linux 2023 \(standard\)/),
    );
  });
});
