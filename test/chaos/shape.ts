import type { HorizontalPodAutoscaler } from '../../src/cluster/objects.ts';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import type { EmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import { newImage, oldImage } from '../../src/rehearsal/scenario/account.ts';
import { budget, deployment, type Manifest, service } from '../../src/rehearsal/scenario/objects.ts';
import { catalogWorkloads, shop } from '../../src/rehearsal/scenario/shop.ts';
import type { Scenario } from './draw.ts';

/** What runs in the shop besides the web shop itself. */
export const workloadsOf = ({ catalog, autoscaled, front }: Scenario): Manifest[] => [
  ...(catalog ? catalogWorkloads() : []),
  ...(autoscaled
    ? [autoscaler('checkout'), deployment({ ...single, name: 'mailer' }), autoscaler('mailer')]
    : []),
  ...(front
    ? [
        deployment({
          ...single,
          name: 'front',
          replicas: 3,
          port: 8080,
          lingerSeconds: 4,
          apart: 'preferred' as const,
        }),
        budget(shop, 'front', { maxUnavailable: 1 }),
        service({ namespace: shop, name: 'front', port: 8080, throughNodes: front }),
      ]
    : []),
];

const single = { namespace: shop, image: 'weightless', replicas: 1 };

function autoscaler(name: string): Manifest {
  const object: HorizontalPodAutoscaler = {
    metadata: { name, namespace: shop },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: 1,
      maxReplicas: 3,
    },
  };
  return { resource: 'horizontalpodautoscalers', object };
}

export const green = 'shop-green';

/** Shapes the account as drawn. */
export function shape(description: AwsDescription, { groups, blueGreen }: Scenario): void {
  for (const drawn of groups) {
    const group = description.groups.find((g) => g.name === drawn.name);
    if (!group) continue;
    group.desired = drawn.desired;
    group.min = drawn.desired - drawn.slack;
    group.max = drawn.desired + drawn.spare;
    group.subnets = group.subnets.slice(0, drawn.zones);
    if (drawn.kind === 'mixed')
      group.overrides = [
        { instanceType: drawn.name === 'shop-data' ? 'r5.large' : 'm5.large' },
        { instanceType: 'm5.xlarge' },
      ];
    if (drawn.kind === 'launch configuration') {
      delete group.template;
      group.launchConfiguration = `${drawn.name}-1`;
      description.launchConfigurations.push({
        name: `${drawn.name}-1`,
        imageId: oldImage,
        instanceType: 'm5.large',
      });
    }
  }
  const [blue] = description.groups;
  if (blueGreen && blue)
    description.groups.push({ ...blue, tags: new Map(blue.tags), name: green, min: 0, desired: 0 });
}

/** What an operator does who releases a new image for a group with a launch configuration: those cannot be changed. */
export function releaseConfigurations({ aws }: EmbeddedCluster): void {
  for (const group of aws.groups.values()) {
    if (!group.launchConfiguration) continue;
    const name = group.launchConfiguration.replace(/-1$/, '-2');
    group.launchConfiguration = name;
    if (aws.description.launchConfigurations.some((c) => c.name === name)) continue;
    aws.description.launchConfigurations.push({ name, imageId: newImage, instanceType: 'm5.large' });
  }
}
