import { clusterAccess, connectAws } from '../../../src/aws/connect.ts';
import type { LaunchSource } from '../../../src/cluster/ports.ts';
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
    images: [],
    launchConfigurations: [{ name: 'old-way', imageId: 'ami-old', instanceType: 'm5.large' }],
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
const read = async () => {
  const [group] = await aws.groups({ names: ['g', 'unknown'] });
  if (!group) throw new Error('no group');
  return group;
};
while (world.membersOf('g').filter((i) => i.lifecycle === 'InService').length < 3) await wallClock.sleep(20);
await wallClock.sleep(150);

const [group] = await aws.groups({ tags: { 'kubernetes.io/cluster/shop': '*' } });
if (!group) throw new Error('no group');
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
const health = await aws.targetHealth(group);
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
const same =
  JSON.stringify([await inProcess.launchSource('g'), await inProcess.launchSource('mixed')]) ===
  JSON.stringify(Object.values(sources));
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
      image: group.target.imageId,
      template: group.target.template?.version,
      zones: group.zones.length,
      instances: group.instances.length,
    },
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
    noSource: await failure(aws.launchSource('nope')),
    noVersion,
    noConfiguration,
    health: [...new Set(health.map((h) => h.state))],
    afterTerminating: { desired: after.desired, max: after.max },
    aboveMax: await failure(aws.resize('g', { desired: 99 })),
    token: (await access.token()).slice(0, 11),
    endpoint: access.endpoint,
    noCluster: await failure(clusterAccess('nope', region)),
  }),
);
process.exit();
