import {
  paginateDescribeLoadBalancers as classicPages,
  DeregisterInstancesFromLoadBalancerCommand,
  DescribeInstanceHealthCommand,
  type ElasticLoadBalancingClient,
  RegisterInstancesWithLoadBalancerCommand,
} from '@aws-sdk/client-elastic-load-balancing';
import {
  DeregisterTargetsCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  type ElasticLoadBalancingV2Client,
  paginateDescribeLoadBalancers as pages,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Balancers, TargetHealth } from '../cluster/ports.ts';
import { calling, isAwsError } from './errors.ts';

export interface BalancerClients {
  classic: ElasticLoadBalancingClient;
  v2: ElasticLoadBalancingV2Client;
}

/** The load balancers with these DNS names, as far as their targets are instances. */
export async function balancersAt(clients: BalancerClients, dnsNames: readonly string[]): Promise<Balancers> {
  const wanted = new Set(dnsNames.map(plain));
  if (wanted.size === 0) return { targetGroups: [], classicLoadBalancers: [] };
  const arns: string[] = [];
  await calling('DescribeLoadBalancers', async () => {
    for await (const page of pages({ client: clients.v2 }, {}))
      for (const { DNSName = '', LoadBalancerArn = '' } of page.LoadBalancers ?? [])
        if (wanted.delete(plain(DNSName))) arns.push(LoadBalancerArn);
  });
  const targetGroups = await Promise.all(arns.map((arn) => instanceTargetGroups(clients.v2, arn)));
  const classicLoadBalancers: string[] = [];
  // Classic ones are asked for only when somebody has one.
  if (wanted.size > 0)
    await calling('DescribeLoadBalancers', async () => {
      for await (const page of classicPages({ client: clients.classic }, {}))
        for (const { DNSName = '', LoadBalancerName = '' } of page.LoadBalancerDescriptions ?? [])
          if (wanted.has(plain(DNSName))) classicLoadBalancers.push(LoadBalancerName);
    });
  return { targetGroups: targetGroups.flat(), classicLoadBalancers };
}

/** DNS names differ in case, and some controllers write them with a prefix. */
const plain = (dnsName: string): string => dnsName.toLowerCase().replace(/^dualstack\./, '');

async function instanceTargetGroups(client: ElasticLoadBalancingV2Client, arn: string): Promise<string[]> {
  const answer = await calling('DescribeTargetGroups', () =>
    client.send(new DescribeTargetGroupsCommand({ LoadBalancerArn: arn })),
  );
  return (answer.TargetGroups ?? [])
    .filter((g) => g.TargetType === 'instance')
    .flatMap((g) => g.TargetGroupArn ?? []);
}

/** The health of every instance in these load balancers. */
export async function healthOfTargets(clients: BalancerClients, of: Balancers): Promise<TargetHealth[]> {
  const found = [
    ...of.targetGroups.map((arn) => targetGroup(clients.v2, arn)),
    ...of.classicLoadBalancers.map((name) => classic(clients.classic, name)),
  ];
  return (await Promise.all(found)).flat();
}

async function targetGroup(client: ElasticLoadBalancingV2Client, arn: string): Promise<TargetHealth[]> {
  const answer = await calling('DescribeTargetHealth', () =>
    client.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn })),
  );
  return (answer.TargetHealthDescriptions ?? []).map((d) => ({
    id: arn,
    // The name without account and region: this text reaches logs.
    loadBalancer: arn.split('/')[1] ?? arn,
    instanceId: d.Target?.Id ?? '',
    state: d.TargetHealth?.State ?? 'unknown',
  }));
}

async function classic(client: ElasticLoadBalancingClient, name: string): Promise<TargetHealth[]> {
  const answer = await calling('DescribeInstanceHealth', () =>
    client.send(new DescribeInstanceHealthCommand({ LoadBalancerName: name })),
  );
  return (answer.InstanceStates ?? []).map((s) => ({
    id: name,
    loadBalancer: name,
    instanceId: s.InstanceId ?? '',
    state: classicState(s.State, s.Description),
  }));
}

/**
 * Only the description of a classic target tells that it is on its way in or out
 * (https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_InstanceState.html).
 */
function classicState(state = '', description = ''): string {
  if (/deregistration currently in progress/i.test(description)) return 'draining';
  if (/registration is still in progress/i.test(description)) return 'initial';
  return state === 'InService' ? 'healthy' : 'unhealthy';
}

/** Takes the instance out of each; one that is out already stays so. */
export async function deregister(clients: BalancerClients, id: string, from: Balancers): Promise<void> {
  for (const TargetGroupArn of from.targetGroups)
    await unless(['InvalidTargetException', 'TargetGroupNotFoundException'], () =>
      calling('DeregisterTargets', () =>
        clients.v2.send(new DeregisterTargetsCommand({ TargetGroupArn, Targets: [{ Id: id }] })),
      ),
    );
  for (const LoadBalancerName of from.classicLoadBalancers)
    await unless(['InvalidEndPointException', 'AccessPointNotFoundException'], () =>
      calling('DeregisterInstancesFromLoadBalancer', () =>
        clients.classic.send(
          new DeregisterInstancesFromLoadBalancerCommand({
            LoadBalancerName,
            Instances: [{ InstanceId: id }],
          }),
        ),
      ),
    );
}

/** Puts the instance into each; into one that it is in already, or that is gone, nothing happens. */
export async function register(clients: BalancerClients, id: string, to: Balancers): Promise<void> {
  for (const TargetGroupArn of to.targetGroups)
    await unless(['TargetGroupNotFoundException'], () =>
      calling('RegisterTargets', () =>
        clients.v2.send(new RegisterTargetsCommand({ TargetGroupArn, Targets: [{ Id: id }] })),
      ),
    );
  for (const LoadBalancerName of to.classicLoadBalancers)
    await unless(['AccessPointNotFoundException'], () =>
      calling('RegisterInstancesWithLoadBalancer', () =>
        clients.classic.send(
          new RegisterInstancesWithLoadBalancerCommand({ LoadBalancerName, Instances: [{ InstanceId: id }] }),
        ),
      ),
    );
}

async function unless(codes: readonly string[], call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!codes.some((code) => isAwsError(error, code))) throw error;
  }
}
