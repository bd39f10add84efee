import {
  DescribeInstanceHealthCommand,
  type ElasticLoadBalancingClient,
} from '@aws-sdk/client-elastic-load-balancing';
import {
  DescribeTargetHealthCommand,
  type ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Group } from '../cluster/ports.ts';
import { calling } from './errors.ts';

interface TargetState {
  loadBalancer: string;
  instanceId: string;
  state: string;
}

/** The health of the group's instances in every load balancer that the group registers them with. */
export async function healthOfTargets(
  clients: { classic: ElasticLoadBalancingClient; v2: ElasticLoadBalancingV2Client },
  group: Group,
): Promise<TargetState[]> {
  const found = [
    ...group.targetGroups.map((arn) => targetGroup(clients.v2, arn)),
    ...group.classicLoadBalancers.map((name) => classic(clients.classic, name)),
  ];
  return (await Promise.all(found)).flat();
}

async function targetGroup(client: ElasticLoadBalancingV2Client, arn: string): Promise<TargetState[]> {
  const answer = await calling('DescribeTargetHealth', () =>
    client.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn })),
  );
  return (answer.TargetHealthDescriptions ?? []).map((d) => ({
    // The name without account and region: this text reaches logs.
    loadBalancer: arn.split('/')[1] ?? arn,
    instanceId: d.Target?.Id ?? '',
    state: d.TargetHealth?.State ?? 'unknown',
  }));
}

async function classic(client: ElasticLoadBalancingClient, name: string): Promise<TargetState[]> {
  const answer = await calling('DescribeInstanceHealth', () =>
    client.send(new DescribeInstanceHealthCommand({ LoadBalancerName: name })),
  );
  return (answer.InstanceStates ?? []).map((s) => ({
    loadBalancer: name,
    instanceId: s.InstanceId ?? '',
    state: s.State === 'InService' ? 'healthy' : 'unhealthy',
  }));
}
