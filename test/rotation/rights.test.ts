import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { rbacFile } from '../../scripts/rbac.ts';
import { actionsOf, iamPolicy } from '../../src/aws/rights.ts';
import { KubernetesError } from '../../src/cluster/ports.ts';
import { refuseMissingRights } from '../../src/kubernetes/review.ts';
import { roles, rolesToLook, rolesToRotate } from '../../src/kubernetes/rights.ts';
import { validateCluster } from '../../src/operations/validate-cluster.ts';
import { shippedPolicy } from '../../src/rehearsal/aws/policy.ts';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { neverJoins } from '../../src/rehearsal/faults/never-joins.ts';
import { pdbNeverAllows } from '../../src/rehearsal/faults/pdb-never-allows.ts';
import { shippedRoles } from '../../src/rehearsal/kubernetes/authorization.ts';
import { cluster, oldImage } from '../../src/rehearsal/scenario/account.ts';
import { deployment, type Manifest, service } from '../../src/rehearsal/scenario/objects.ts';
import { runEngine, shopWorld, startEngine, type WorldOptions } from './world.ts';

/** What the product itself calls of the port, outside the adapter. */
const used = new Set(
  globSync('src/{rotation,operations,validation}/**/*.ts').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\baws\.(\w+)\(/g)].map(([, method = '']) => method),
  ),
);
const actions = [...new Set([...used].flatMap(actionsOf))];

/** What is put back only by a rotation that fails. */
const onlyToPutBack = new Set([
  'elasticloadbalancing:RegisterInstancesWithLoadBalancer',
  'elasticloadbalancing:RegisterTargets',
]);

/** A load balancer that sends its requests to nodes. */
const throughNodes = {
  more: [service({ namespace: 'shop', name: 'web-nodes', port: 8080, throughNodes: 'anywhere' })],
};

/** Rotations that need a right which that of the shop does not need. */
const needing: Record<string, WorldOptions & { inputs?: Record<string, string> }> = {
  ...Object.fromEntries(
    ['ec2:CreateLaunchTemplateVersion', 'ec2:DescribeImages'].map((action) => [
      action,
      { noRelease: true, inputs: { ami: 'recommended' } },
    ]),
  ),
  'autoscaling:CreateLaunchConfiguration': {
    noRelease: true,
    inputs: { ami: 'recommended' },
    account: withLaunchConfiguration,
  },
  'autoscaling:DescribeScalingActivities': { account: mixed },
  'elasticloadbalancing:DescribeLoadBalancers': throughNodes,
  'elasticloadbalancing:DescribeTargetGroups': throughNodes,
  'autoscaling:SetDesiredCapacity': { account: mixed },
  'autoscaling:UpdateAutoScalingGroup': { account: full },
};

function withLaunchConfiguration({ groups: [general], launchConfigurations }: AwsDescription): void {
  launchConfigurations.push({ name: 'shop-old-way', imageId: oldImage, instanceType: 'm5.large' });
  if (!general) return;
  delete general.template;
  general.launchConfiguration = 'shop-old-way';
}

/** Without one of these a copy stays behind, which is said. */
const removing = ['ec2:DeleteLaunchTemplateVersions', 'autoscaling:DeleteLaunchConfiguration'];

/** Where AWS refuses LaunchInstances. */
function mixed({ groups: [general] }: AwsDescription): void {
  if (general) general.overrides = [{ instanceType: 'm5.large' }];
}

/** A group that is as large as it may be. */
function full({ groups: [general] }: AwsDescription): void {
  if (general) general.max = general.desired;
}

function without(action: string) {
  const policy = shippedPolicy(cluster);
  for (const statement of policy.Statement) statement.Action = statement.Action.filter((a) => a !== action);
  return policy;
}

/** The roles without one right. */
const lacking = (from: typeof roles, target: string, verb: string): string =>
  rbacFile(
    [],
    'eks-rolling',
    from
      .map((role) => ({
        ...role,
        rules: role.rules
          .flatMap((rule) => [
            { ...rule, targets: rule.targets.filter((t) => t !== target) },
            {
              ...rule,
              targets: rule.targets.filter((t) => t === target),
              verbs: rule.verbs.filter((v) => v !== verb),
            },
          ])
          .filter((rule) => rule.targets.length > 0 && rule.verbs.length > 0),
      }))
      .filter((role) => role.rules.length > 0),
  );

/** What only those need who point a group elsewhere. */
const pointing = new Set(['ec2:RunInstances', 'ec2:CreateTags', 'iam:PassRole']);

/** A rotation with every right, and its rollback without one. */
async function failureOfRollback(action: string): Promise<string> {
  const policy = shippedPolicy(cluster);
  const world = await shopWorld({ policy, factor: 4 });
  const { outputs } = await runEngine(world);
  policy.Statement = without(action).Statement;
  return (await runEngine(world, { phase: 'rollback', 'run-id': outputs['run-id'] ?? '' })).failure;
}

describe('a rotation', () => {
  test('and its rollback need no more rights in AWS than the policy of the docs gives', async () => {
    const world = await shopWorld({ policy: shippedPolicy(cluster), factor: 4 });
    const { outputs } = await runEngine(world);
    const undo = await runEngine(world, { phase: 'rollback', 'run-id': outputs['run-id'] ?? '' });
    expect([undo.failure, undo.outputs.verdict, world.outdated().length]).toEqual(['', 'rolled-back', 7]);
  });

  test('needs no more rights in AWS than the policy of the docs gives', async () => {
    const world = await shopWorld({ policy: shippedPolicy(cluster) });
    const { failure, outputs } = await runEngine(world);
    expect([failure, outputs.verdict, world.outdated()]).toEqual(['', 'completed', []]);
  });

  test.each(actions.filter((a) => !removing.includes(a) && !onlyToPutBack.has(a)))(
    'without %s fails, and names it',
    async (action) => {
      const { inputs = {}, ...options } = needing[action] ?? {};
      const failure = pointing.has(action)
        ? await failureOfRollback(action)
        : (await runEngine(await shopWorld({ ...options, policy: without(action) }), inputs)).failure;
      expect(failure).toContain(`not authorized to perform: ${action}`);
      expect(failure).toContain('docs/iam-policy.json');
    },
  );

  test.each(removing)('without %s is put back, and says which copy stays', async (action) => {
    const world = await shopWorld({
      noRelease: true,
      fault: neverJoins,
      account: withLaunchConfiguration,
      policy: without(action),
    });
    const { log, summary } = await runEngine(world, { ami: 'recommended', 'node-timeout': '1m' });
    expect(log).toContainEqual(
      expect.stringMatching(`^The copy shop-.* stays, .* not authorized to perform: ${action}`),
    );
    expect(summary()).toMatch('shop-general launches shop-old-way again');
    expect(world.changed()).toEqual(
      // $Latest of the template is the copy that stays.
      action.startsWith('ec2:') ? [expect.stringMatching(/^launch of shop-data is .*"Version":"1"/)] : [],
    );
  });

  test('leaves alone a group that does not carry the tag of the cluster, even when it is named', async () => {
    const world = await shopWorld({
      account: ({ groups }) => groups.find((g) => g.name === 'shop-data')?.tags.clear(),
    });
    const { failure } = await runEngine(world, { groups: 'shop-general,shop-data' });
    expect(failure).toMatch(/AccessDenied: .* on resource: .*shop-data/);
    expect(world.changed()).toEqual([]);
  });

  test('puts back every other setting when one right to it is missing, and names that', async () => {
    const world = await shopWorld({ policy: without('autoscaling:ResumeProcesses') });
    const { outputs } = await runEngine(world);
    expect(world.changed()).toEqual([
      expect.stringMatching(/shop-general.*AZRebalance/),
      expect.stringMatching(/shop-data.*AZRebalance/),
    ]);
    expect(outputs['not-restored']).toMatch(/AZRebalance of shop-general stays suspended: ResumeProcesses/);
  });
});

test.each([...onlyToPutBack])(
  'without %s a rotation that fails says what it cannot put back',
  async (action) => {
    expect(actions).toContain(action);
    const world = await shopWorld({ fault: pdbNeverAllows, policy: without(action) });
    const { outputs } = await runEngine(world);
    expect(outputs['not-restored']).toMatch(/ip-\S+ stays out of the load balancers of shop-general: /);
    expect(outputs['not-restored']).toContain(`not authorized to perform: ${action}`);
    expect(world.changed()).toEqual([expect.stringMatching(/^i-\w+ gets nothing from load balancers/)]);
  },
);

describe('a rotation in the cluster', () => {
  const rights = roles
    .filter((role) => role.name === 'eks-rolling')
    .flatMap((role, i) =>
      role.rules.flatMap((rule) =>
        rule.targets.flatMap((target) => rule.verbs.map((verb) => ({ role: i, target, verb }))),
      ),
    );

  /** A single replica, which only its autoscaler can make two. */
  const autoscaled: Manifest[] = [
    deployment({ namespace: 'shop', name: 'scaled', image: 'app' }),
    {
      resource: 'horizontalpodautoscalers',
      object: {
        metadata: { namespace: 'shop', name: 'scaled' },
        spec: { scaleTargetRef: { kind: 'Deployment', name: 'scaled' }, minReplicas: 1, maxReplicas: 3 },
      },
    },
  ];

  // Without being told beforehand: what no call needs has no place in the table.
  test.each(rights)('without $verb $target fails or does without, and says so', async ({ target, verb }) => {
    const more = target === 'horizontalpodautoscalers' ? autoscaled : [];
    const world = await shopWorld({ roles: lacking(roles, target, verb), more, reviews: false });
    const { failure, log } = await runEngine(world, { 'drain-timeout': '1m' });
    expect([failure, ...log].join('\n')).toContain(`cannot ${verb} resource "${target}"`);
    expect(failure === '').toBe(verb === 'watch' || target === 'events');
  });
});

describe('before anything is touched', () => {
  const asked = rolesToRotate.flatMap(({ rules }) =>
    rules.flatMap((rule) => rule.targets.flatMap((target) => rule.verbs.map((verb) => ({ target, verb })))),
  );

  test.each(asked)('a rotation without $verb $target is refused', async ({ target, verb }) => {
    const world = await shopWorld({ roles: lacking(roles, target, verb) });
    const run = startEngine(world);
    expect(await world.clock.run(run.ended)).toContain(`cannot ${verb} resource "${target}"`);
    expect([run.writes(), world.lease(), world.changed()]).toEqual([0, undefined, []]);
  });

  test('a rotation names all rights that are missing, and where they are written', async () => {
    const world = await shopWorld({ roles: shippedRoles('rbac-plan.yaml') });
    const handedOn = { 'run-id': '20261121-000000', 'plan-digest': '0' };
    for (const phase of ['all', 'prepare', 'drain', 'rollback']) {
      const { failure } = await runEngine(world, { phase, ...(phase === 'drain' ? handedOn : {}) });
      for (const right of ['create resource "pods/eviction"', 'update resource "nodes"'])
        expect(failure).toContain(`it cannot ${right} in API group "" at the cluster scope`);
      expect(failure).toContain(
        'it cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "kube-system"',
      );
      expect(failure).toContain('docs/rbac.yaml');
      expect(failure).not.toMatch(/watch|"events"/);
    }
  });

  test('a rotation does not ask where nobody may ask', async () => {
    const canI = async () => {
      throw new KubernetesError(403, 'Forbidden', 'selfsubjectaccessreviews is forbidden');
    };
    await expect(refuseMissingRights({ canI }, rolesToRotate)).resolves.toBeUndefined();
  });

  test('settings are put back by whoever may, without being asked for more', async () => {
    const world = await shopWorld({ roles: lacking(roles, 'pods/eviction', 'create') });
    const { failure, outputs } = await runEngine(world, { phase: 'restore' });
    expect([failure, outputs.verdict]).toEqual(['', 'nothing-to-do']);
  });
});

describe('those who only look', () => {
  const shipped = () => ({
    policy: shippedPolicy(cluster, 'iam-policy-plan.json'),
    roles: shippedRoles('rbac-plan.yaml'),
  });
  const quick = { timeout: '1s' };

  /** What a plan and a validation say when they may not do something. */
  async function told(options: WorldOptions): Promise<string> {
    const world = await shopWorld({ ...shipped(), ...options });
    const plan = await runEngine(world, { phase: 'plan', ami: 'recommended' });
    const preflight = await runEngine(world, quick, validateCluster);
    const before = preflight.outputs.validation ?? '';
    const postflight = await runEngine(world, { ...quick, phase: 'postflight', before }, validateCluster);
    expect(world.changed()).toEqual([]);
    return [plan, preflight, postflight].flatMap(({ failure, log }) => [failure, ...log]).join('\n');
  }

  test('can plan and validate with their policy and roles', async () => {
    const world = await shopWorld(shipped());
    const plan = await runEngine(world, { phase: 'plan' });
    expect([plan.failure, plan.outputs.verdict]).toEqual(['', 'planned']);
    // A role cannot allow dry runs alone.
    expect(plan.summary()).toMatch(
      'this role may not create pods/eviction: what webhooks would refuse is not known.',
    );
    const validation = await runEngine(world, quick, validateCluster);
    expect([validation.failure, validation.outputs.verdict]).toEqual(['', 'passed']);
    expect(world.changed()).toEqual([]);
  });

  test('can change nothing', async () => {
    const policy = (await runEngine(await shopWorld({ policy: shipped().policy }))).failure;
    expect(policy).toMatch(/not authorized to perform: autoscaling:/);
    const inTheCluster = (await runEngine(await shopWorld({ roles: shipped().roles }))).failure;
    expect(inTheCluster).toMatch(/cannot \w+ resource "leases"/);
  });

  const rights = rolesToLook.flatMap(({ rules }) =>
    rules.flatMap((r) => r.targets.flatMap((target) => r.verbs.map((verb) => ({ target, verb })))),
  );
  test.each(rights)('need to $verb $target', async ({ target, verb }) => {
    const text = await told({ roles: lacking(rolesToLook, target, verb) });
    expect(text).toContain(`cannot ${verb} resource "${target}"`);
  });

  const reading = iamPolicy('lookers')
    .Statement.flatMap((s) => s.Action)
    .filter((action) => !action.startsWith('eks:'));
  test.each(reading)('need %s', async (action) => {
    const { policy } = shipped();
    for (const s of policy.Statement) s.Action = s.Action.filter((a) => a !== action);
    expect(await told({ policy })).toContain(`not authorized to perform: ${action}`);
  });
});
