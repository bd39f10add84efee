import type { AwsDescription } from '../aws/state.ts';

export const cluster = 'shop';
export const region = 'eu-west-1';
export const oldImage = 'ami-0aaaaaaaaaaaaaaaa';
export const newImage = 'ami-0bbbbbbbbbbbbbbbb';

const zones = ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'];
const subnets = (group: string, of: readonly string[]) =>
  of.map((zone) => ({ id: `subnet-${group}-${zone.at(-1)}`, zone, freeAddresses: 200 }));
const tags = () => new Map([[`kubernetes.io/cluster/${cluster}`, 'owned']]);

/** Two groups with seven nodes in three zones: one for the shop, and one of two zones for its data. */
export function account(): AwsDescription {
  return {
    region,
    accountId: '123456789012',
    cluster,
    version: '1.36',
    recommendedImage: newImage,
    images: [
      {
        id: oldImage,
        name: 'amazon-eks-node-al2023-x86_64-standard-1.36-v20260801',
        createdAt: Date.UTC(2026, 7, 1),
      },
      {
        id: newImage,
        name: 'amazon-eks-node-al2023-x86_64-standard-1.36-v20261101',
        createdAt: Date.UTC(2026, 10, 1),
      },
    ],
    launchConfigurations: [],
    templates: [
      {
        id: 'lt-0general0000000000',
        name: 'shop-general',
        versions: [{ imageId: oldImage, instanceType: 'm5.large' }],
        defaultVersion: 1,
      },
      {
        id: 'lt-0data0000000000000',
        name: 'shop-data',
        versions: [{ imageId: oldImage, instanceType: 'r5.large' }],
        defaultVersion: 1,
      },
    ],
    groups: [
      {
        name: 'shop-general',
        min: 3,
        max: 5,
        desired: 4,
        subnets: subnets('general', zones),
        template: { id: 'lt-0general0000000000', version: '$Latest' },
        tags: tags(),
        targetGroups: [
          `arn:aws:elasticloadbalancing:${region}:123456789012:targetgroup/shop-nodes/0123456789abcdef`,
        ],
        classicLoadBalancers: [],
        hooks: [],
        labels: { role: 'general' },
        taints: [],
      },
      {
        name: 'shop-data',
        min: 2,
        max: 4,
        desired: 3,
        subnets: subnets('data', zones.slice(0, 2)),
        template: { id: 'lt-0data0000000000000', version: '$Latest' },
        tags: tags(),
        targetGroups: [],
        classicLoadBalancers: [],
        hooks: [
          {
            name: 'wait-for-node',
            transition: 'autoscaling:EC2_INSTANCE_TERMINATING',
            heartbeatSeconds: 30,
            defaultResult: 'CONTINUE',
          },
        ],
        labels: { role: 'data' },
        taints: [{ key: 'dedicated', value: 'data', effect: 'NoSchedule' }],
      },
    ],
  };
}

/** Both templates get a version with the new image: every node is outdated from now on. */
export function releaseNewImage(description: AwsDescription): void {
  for (const template of description.templates) {
    const latest = template.versions.at(-1);
    if (latest) template.versions.push({ imageId: newImage, instanceType: latest.instanceType });
    template.defaultVersion = template.versions.length;
  }
}
