import { clusterAccess, connectAws } from '../../../src/aws/connect.ts';
import { statements } from '../../../src/aws/rights.ts';
import type { Aws } from '../../../src/cluster/ports.ts';
import { shippedPolicy } from '../../../src/rehearsal/aws/policy.ts';
import { startAwsServer } from '../../../src/rehearsal/aws/server.ts';
import { AwsWorld } from '../../../src/rehearsal/aws/world.ts';
import { account, cluster, oldImage, region } from '../../../src/rehearsal/scenario/account.ts';
import { wallClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';
import { messageOf } from '../../../src/text.ts';

/** Calls every method of the port over the wire: which actions it needs, and what it says when one is missing. */
const policy = shippedPolicy(cluster);
const whole = policy.Statement;
const description = account();
const [general] = description.groups;
if (!general) throw new Error('The account has no group.');
const { template, ...untemplated } = general;
general.classicLoadBalancers = ['old-elb'];
description.launchConfigurations = [{ name: 'lc-1', imageId: 'ami-old', instanceType: 'm5.large' }];
description.templates[1]?.versions.push({
  imageId: `resolve:ssm:/aws/service/eks/optimized-ami/${description.version}/amazon-linux-2023/x86_64/standard/recommended/image_id`,
  instanceType: 'm5.large',
});
description.groups.push(
  { ...untemplated, name: 'old', desired: 0, min: 0, launchConfiguration: 'lc-1' },
  { ...general, name: 'foreign', desired: 0, min: 0, tags: new Map() },
);
const world = new AwsWorld({
  clock: wallClock,
  random: new Random(3),
  factor: 200,
  machineRoom: { boot: () => {}, halt: () => {} },
  description,
  policy,
});
const seen = new Set<string>();
const server = await startAwsServer({
  world,
  cluster: () => ({ endpoint: 'https://cluster', certificate: 'PEM' }),
  intercept: ({ service, action }) => {
    seen.add(`${service}:${action}`);
    return undefined;
  },
});
Object.assign(process.env, {
  AWS_ENDPOINT_URL: server.url,
  AWS_ACCESS_KEY_ID: 'a',
  AWS_SECRET_ACCESS_KEY: 'b',
});
const aws = connectAws({ region, clock: wallClock });
while (world.membersOf('shop-general').filter((i) => i.lifecycle === 'InService').length < 4)
  await wallClock.sleep(20);
const network = world.balancing.create('network', 'k8s-shop-web');
const [member] = world.membersOf('shop-general');
const [group] = await aws.groups({ names: ['shop-general'] });
const source = await aws.launchSource('shop-general');
if (!member || !group) throw new Error('There is no member.');

const templateId = template?.id ?? '';
const copiedConfiguration = 'lc-1-eks-rolling-20261121-150000';

/** A call of each method; the compiler misses one that is added to the port. */
const callsOf = (aws: Aws): Record<keyof Aws, () => Promise<unknown>> => ({
  groups: () => aws.groups({ names: ['shop-general', 'shop-data', 'old'] }),
  instances: () => aws.instances([member.id]),
  activities: () => aws.activities('shop-general', 0),
  resize: () => aws.resize('shop-general', { max: 9, desired: 5 }),
  launchSource: () => aws.launchSource('shop-general'),
  launchesOf: async () => {
    const template = { LaunchTemplateId: 'lt-0data0000000000000', Version: '$Latest' };
    await aws.launchesOf({ kind: 'template', template });
    await aws.launchesOf({ kind: 'configuration', name: 'lc-1' });
  },
  launchFrom: () => aws.launchFrom('shop-general', source),
  launch: () => aws.launch('shop-general', { zone: `${region}a`, count: 1, token: 't' }),
  terminate: () => aws.terminate(member.id, { decrement: true }),
  suspend: () => aws.suspend('shop-general', ['AZRebalance']),
  resume: () => aws.resume('shop-general', ['AZRebalance']),
  balancersAt: () => aws.balancersAt([network.dnsName, 'old.elb.amazonaws.com']),
  targetHealth: () => aws.targetHealth(group),
  deregister: () => aws.deregister(member.id, group),
  register: () => aws.register(member.id, group),
  images: () => aws.images(['ami-old']),
  parameter: () => aws.parameter('/aws/service/eks/optimized-ami/1.36/amazon-linux-2023'),
  templateVersions: () => aws.templateVersions(templateId),
  copyTemplate: () =>
    aws.copyTemplate(
      { LaunchTemplateId: templateId, Version: '1' },
      { imageId: 'ami-old', description: 'a copy' },
    ),
  removeTemplateVersion: () => aws.removeTemplateVersion(templateId, '2'),
  copyConfiguration: () => aws.copyConfiguration('lc-1', { name: copiedConfiguration, imageId: oldImage }),
  removeConfiguration: () => aws.removeConfiguration(copiedConfiguration),
  followersOfLatest: () => aws.followersOfLatest(templateId),
  refreshInProgress: () => aws.refreshInProgress('shop-general'),
});

const actions: Record<string, string[]> = {};
for (const [method, call] of Object.entries(callsOf(aws))) {
  seen.clear();
  await call();
  actions[method] = [...seen].sort();
}

const failure = (work: Promise<unknown>): Promise<string> => work.then(() => 'nothing', messageOf);
const refused: Record<string, string[]> = {};
for (const { calls: rows } of statements) {
  for (const [action, methods] of Object.entries(rows)) {
    policy.Statement = whole.map((s) => ({ ...s, Action: s.Action.filter((a) => a !== action) }));
    // A new one remembers nothing.
    const fresh = callsOf(connectAws({ region, clock: wallClock }));
    const needing = methods.map((method) => fresh[method]);
    if (action.startsWith('eks:')) needing.push(() => clusterAccess(cluster, region));
    refused[action] = await Promise.all(needing.map((call) => failure(call())));
  }
}
policy.Statement = whole;
const foreign = await failure(aws.suspend('foreign', ['AZRebalance']));
policy.Statement = shippedPolicy('another').Statement;
const another = [
  await failure(aws.suspend('shop-general', ['AZRebalance'])),
  await failure(clusterAccess(cluster, region)),
];
console.log(JSON.stringify({ actions, refused, foreign, another }));
process.exit();
