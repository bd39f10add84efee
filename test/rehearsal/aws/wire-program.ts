import { isDeepStrictEqual } from 'node:util';
import { clusterAccess, connectAws } from '../../../src/aws/connect.ts';
import type { Aws, LaunchSource } from '../../../src/cluster/ports.ts';
import { inProcessAws } from '../../../src/rehearsal/aws/in-process.ts';
import { startAwsServer } from '../../../src/rehearsal/aws/server.ts';
import { AwsWorld } from '../../../src/rehearsal/aws/world.ts';
import { wallClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';
import { messageOf } from '../../../src/text.ts';

const region = 'eu-west-1';
const alias =
  'resolve:ssm:/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id';
const world = new AwsWorld({
  clock: wallClock,
  random: new Random(3),
  factor: 200,
  machineRoom: { boot: () => {}, halt: () => {} },
  description: {
    region,
    accountId: '123456789012',
    cluster: 'shop',
    version: '1.36',
    recommendedImage: 'ami-new',
    images: [
      { id: 'ami-old', name: 'old', createdAt: 0 },
      { id: 'ami-new', name: 'new', createdAt: 0 },
      { id: 'ami-arm', name: 'arm', createdAt: 0, architecture: 'arm64', state: 'pending', own: true },
    ],
    parameters: { '/golden': 'ami-arm' },
    launchConfigurations: [
      {
        name: 'old-way',
        imageId: 'ami-old',
        instanceType: 'm5.large',
        settings: {
          UserData: 'IyEvYmluL3No',
          SecurityGroups: ['sg-1', 'sg-2'],
          IamInstanceProfile: 'node',
          BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 50, Encrypted: true } }],
          MetadataOptions: { HttpTokens: 'required' },
        },
      },
    ],
    templates: [
      {
        id: 'lt-1',
        name: 'general',
        versions: [
          { imageId: 'ami-old', instanceType: 'm5.large' },
          { imageId: alias, instanceType: 'm5.large' },
        ],
        defaultVersion: 1,
      },
    ],
    groups: [
      {
        name: 'g',
        min: 1,
        max: 5,
        desired: 3,
        subnets: ['a', 'b', 'c'].map((z) => ({ id: `subnet-${z}`, zone: region + z, freeAddresses: 100 })),
        template: { id: 'lt-1', version: '$Latest' },
        tags: new Map([['kubernetes.io/cluster/shop', 'owned']]),
        targetGroups: ['arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/tg/abc'],
        classicLoadBalancers: ['old-elb'],
        hooks: [],
        labels: {},
        taints: [],
      },
      {
        name: 'mixed',
        min: 0,
        max: 5,
        desired: 0,
        subnets: [{ id: 'subnet-m', zone: `${region}a`, freeAddresses: 100 }],
        template: { id: 'lt-1', version: '$Default' },
        distribution: { OnDemandBaseCapacity: 1, SpotAllocationStrategy: 'price-capacity-optimized' },
        overrides: [
          { instanceType: 'm5.xlarge', weight: '2' },
          { instanceType: 'm7g.large', template: { id: 'lt-1', version: '$Latest' } },
          { template: { id: 'lt-1', version: '1' } },
        ],
        tags: new Map(),
        targetGroups: [],
        classicLoadBalancers: [],
        hooks: [],
        labels: {},
        taints: [],
      },
    ],
  },
});
const server = await startAwsServer({
  world,
  cluster: () => ({ endpoint: 'https://cluster', certificate: 'PEM' }),
});
Object.assign(process.env, {
  AWS_ENDPOINT_URL: server.url,
  AWS_ACCESS_KEY_ID: 'a',
  AWS_SECRET_ACCESS_KEY: 'b',
});
const aws = connectAws({ region, clock: wallClock });
const failure = (work: Promise<unknown>) => work.then(() => 'no failure', messageOf);
/** Copies of a template and of a launch configuration, made, found again, used and removed. */
async function copied(aws: Aws): Promise<object> {
  const images = await aws.images(['ami-arm', 'ami-old', 'ami-none']);
  const parameters = [await aws.parameter('/golden'), (await aws.parameter('/nope')) ?? 'none'];
  const change = { imageId: 'ami-new', description: 'made by a run' };
  const version = await aws.copyTemplate({ LaunchTemplateId: 'lt-1', Version: '1' }, change);
  const versions = await aws.templateVersions('lt-1');
  const followers = await aws.followersOfLatest('lt-1');
  await aws.launchFrom('g', { kind: 'template', template: { LaunchTemplateId: 'lt-1', Version: version } });
  const [g] = await aws.groups({ names: ['g'] });
  await aws.launchFrom('g', { kind: 'template', template: { LaunchTemplateId: 'lt-1', Version: '$Latest' } });
  await aws.removeTemplateVersion('lt-1', version);
  await aws.removeTemplateVersion('lt-1', version);
  const left = (await aws.templateVersions('lt-1')).map((v) => v.version);
  const [latest] = await aws.groups({ names: ['g'] });
  const next = await aws.copyTemplate({ LaunchTemplateId: 'lt-1', Version: '$Default' }, change);
  await aws.removeTemplateVersion('lt-1', next);
  const copy = { name: 'old-way-new-image', imageId: 'ami-new' };
  await aws.copyConfiguration('old-way', copy);
  await aws.copyConfiguration('old-way', copy);
  const made = world.description.launchConfigurations.find((c) => c.name === copy.name);
  await aws.launchFrom('g', { kind: 'configuration', name: copy.name });
  const inUse = await failure(aws.removeConfiguration(copy.name));
  const taken = await failure(aws.copyConfiguration('old-way', { ...copy, imageId: 'ami-old' }));
  await aws.launchFrom('g', { kind: 'template', template: { LaunchTemplateId: 'lt-1', Version: '$Latest' } });
  await aws.removeConfiguration(copy.name);
  await aws.removeConfiguration(copy.name);
  return {
    images: images.sort((a, b) => (a.id < b.id ? -1 : 1)),
    parameters,
    versions,
    followers,
    launches: [g?.target.template?.version, g?.target.imageId],
    left,
    latest: latest?.target.template?.version,
    next,
    made,
    inUse,
    taken,
    configurations: world.description.launchConfigurations.map((c) => c.name),
    default: await failure(aws.removeTemplateVersion('lt-1', '1')),
    noVersion: await failure(aws.copyTemplate({ LaunchTemplateId: 'lt-1', Version: '9' }, change)),
    noTemplate: await failure(aws.templateVersions('lt-9')),
    noSource: await failure(aws.copyConfiguration('nope', copy)),
    noImage: await failure(aws.copyConfiguration('old-way', { name: 'x', imageId: 'ami-none' })),
    tooLong: (await failure(aws.copyConfiguration('old-way', { ...copy, name: 'x'.repeat(256) }))).slice(-56),
  };
}
const read = async () => {
  const [group] = await aws.groups({ names: ['g', 'unknown'] });
  if (!group) throw new Error('no group');
  return group;
};
/** What is read as soon as it is as it will be, or after five seconds as it is then. */
const eventually = async <T>(ask: () => Promise<T>, isSettled: (answer: T) => boolean): Promise<T> => {
  let answer = await ask();
  for (let n = 0; n < 250 && !isSettled(answer); n++) {
    await wallClock.sleep(20);
    answer = await ask();
  }
  return answer;
};
while (world.membersOf('g').filter((i) => i.lifecycle === 'InService').length < 3) await wallClock.sleep(20);

const [group] = await aws.groups({ tags: { 'kubernetes.io/cluster/shop': '*' } });
if (!group) throw new Error('no group');
const health = await eventually(
  () => aws.targetHealth(group),
  (targets) => targets.length === 3 && targets.every((h) => h.state === 'healthy'),
);
const ids = group.instances.map((i) => i.id);
const instances = await aws.instances([...ids, 'i-00000000000000000']);
const first = await aws.launch('g', { zone: `${region}b`, count: 1, token: 't1' });
const again = await aws.launch('g', { zone: `${region}b`, count: 1, token: 't1' });
const many = await aws.launch('g', { zone: `${region}b`, count: 9, token: 't2' });
await aws.suspend('g', ['AZRebalance']);
const { suspended } = await read();
await aws.resume('g', ['AZRebalance']);
const resumed = (await read()).suspended;
await aws.resize('g', { max: 7 });
const network = world.balancing.create('network', 'k8s-shop-web');
const classic = world.balancing.create('classic', 'a-shop-web');
const names = [
  'unknown.elb.eu-west-1.amazonaws.com',
  classic.dnsName,
  `dualstack.${network.dnsName.toUpperCase()}`,
];
const balancers = await aws.balancersAt(names);
const everywhere = {
  targetGroups: [...balancers.targetGroups, ...group.targetGroups],
  classicLoadBalancers: balancers.classicLoadBalancers,
};
const states = async () => (await aws.targetHealth(balancers)).map((h) => `${h.loadBalancer} ${h.state}`);
await aws.register(ids[0] ?? '', balancers);
await aws.register(ids[0] ?? '', balancers);
const registered = await states();
const serving = await eventually(states, (all) => !all.some((state) => state.endsWith('initial')));
await aws.deregister(ids[0] ?? '', everywhere);
const draining = await states();
const left = await eventually(
  async () => (await aws.targetHealth(everywhere)).filter((h) => h.instanceId === ids[0]).length,
  (n) => n === 0,
);
await aws.deregister(ids[0] ?? '', everywhere);
world.group('mixed').replacesUnhealthyTargets = true;
for (const id of [ids[0], ids[0], 'i-00000000000000000']) await aws.terminate(id ?? '', { decrement: true });
const after = await read();
const [mixed] = await aws.groups({ names: ['mixed'] });
const sources = { g: await aws.launchSource('g'), mixed: await aws.launchSource('mixed') };
const nodes: LaunchSource = { kind: 'configuration', name: 'old-way' };
const swapped: unknown[] = [];
for (const source of [nodes, sources.mixed, sources.g]) {
  await aws.launchFrom('g', source);
  swapped.push([await aws.launchSource('g'), (await read()).target.imageId]);
}
const unknown = { LaunchTemplateId: 'lt-1', Version: '9' };
const noVersion = await failure(aws.launchFrom('g', { kind: 'template', template: unknown }));
const noConfiguration = await failure(aws.launchFrom('g', { kind: 'configuration', name: 'nope' }));
const gone: LaunchSource[] = [
  { kind: 'template', template: unknown },
  { kind: 'template', template: { LaunchTemplateId: 'lt-9', Version: '1' } },
  { kind: 'configuration', name: 'nope' },
];
const inProcess = inProcessAws(world);
const asked = [...gone, nodes, sources.mixed, sources.g];
const launches = await Promise.all(asked.map((s) => aws.launchesOf(s)));
type Launches = Awaited<ReturnType<typeof aws.launchesOf>>;
const inShort = (found: Launches[]) =>
  JSON.stringify(
    found.map((l) => [
      l?.target.imageId,
      l?.target.template,
      l?.target.launchConfiguration,
      l?.overrides?.map((o) => [o.instanceType, o.target.imageId]),
    ]),
  );
const sameLaunches =
  inShort(launches) === inShort(await Promise.all(asked.map((s) => inProcess.launchesOf(s))));
const copies = await copied(aws);
const templates = structuredClone(world.description.templates);
// The same once more in process must leave the same behind.
world.description.templates[0]?.versions.splice(2);
const sameCopies = isDeepStrictEqual(
  [await copied(inProcess), world.description.templates],
  [copies, templates],
);
const same = isDeepStrictEqual(
  [await inProcess.launchSource('g'), await inProcess.launchSource('mixed')],
  Object.values(sources),
);
world.group('mixed').refreshing = true;
const access = await clusterAccess('shop', region);
console.log(
  JSON.stringify({
    group: {
      name: group.name,
      min: group.min,
      max: group.max,
      desired: group.desired,
      canLaunchInZone: group.canLaunchInZone,
      countsUnits: group.countsUnits,
      image: group.target.imageId,
      template: group.target.template?.version,
      zones: group.zones.length,
      instances: group.instances.length,
    },
    noNames: await aws.groups({ names: [] }),
    instances: [...new Set(instances.map((i) => i.imageId))],
    launched: first.kind === 'launched' ? first.instanceIds.length : 0,
    sameToken: JSON.stringify(first) === JSON.stringify(again),
    tooMany: many.kind,
    suspended,
    resumed,
    activities: (await aws.activities('g', 0)).length > 3,
    refresh: [await aws.refreshInProgress('g'), await aws.refreshInProgress('mixed')],
    mixed: {
      canLaunchInZone: mixed?.canLaunchInZone,
      countsUnits: mixed?.countsUnits,
      types: mixed?.target.instanceTypes,
      image: mixed?.target.imageId,
      overrides: mixed?.overrides?.map((o) => [
        o.instanceType ?? 'any',
        o.target.template?.version,
        o.target.imageId,
      ]),
    },
    sources,
    swapped,
    sourcesInProcess: same,
    launches: launches.map((l) => l?.target.imageId ?? 'gone'),
    launchesInProcess: sameLaunches,
    copies,
    sameCopies,
    noSource: await failure(aws.launchSource('nope')),
    noVersion,
    noConfiguration,
    balancers: {
      targetGroups: balancers.targetGroups.map((arn) => arn.split('/')[1]),
      classic: balancers.classicLoadBalancers,
      nothing: await aws.balancersAt([]),
      registered,
      serving,
      draining,
      left,
    },
    replacesUnhealthyTargets: [group.replacesUnhealthyTargets, mixed?.replacesUnhealthyTargets],
    health: [...new Set(health.map((h) => h.state))],
    afterTerminating: { desired: after.desired, max: after.max },
    aboveMax: await failure(aws.resize('g', { desired: 99 })),
    token: (await access.token()).slice(0, 11),
    endpoint: access.endpoint,
    noCluster: await failure(clusterAccess('nope', region)),
  }),
);
process.exit();
