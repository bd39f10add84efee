import * as classicSdk from '@aws-sdk/client-elastic-load-balancing';
import * as sdk from '@aws-sdk/client-elastic-load-balancing-v2';
import type { AwsWorld } from '../world.ts';
import type { Service } from './service.ts';

/** Application and network load balancers: target groups. */
export function loadBalancingV2(world: AwsWorld): Service {
  const { balancing } = world;
  const idsOf = (targets: sdk.TargetDescription[] | undefined): string[] =>
    (targets ?? []).flatMap((t) => t.Id ?? []);
  return {
    signingName: 'elasticloadbalancing',
    protocol: 'query',
    version: '2015-12-01',
    shapes: sdk,
    actions: {
      DescribeLoadBalancers(input: sdk.DescribeLoadBalancersInput) {
        const wanted = input.LoadBalancerArns?.map((arn) => balancing.ofArn(arn));
        const found = wanted ?? balancing.balancers.filter((b) => b.kind === 'network');
        return {
          LoadBalancers: found.map((b) => ({
            LoadBalancerArn: b.arn,
            LoadBalancerName: b.name,
            DNSName: b.dnsName,
            Type: 'network',
          })),
        };
      },
      DescribeTargetHealth(input: sdk.DescribeTargetHealthInput) {
        const targets = balancing.targets.get(input.TargetGroupArn ?? '') ?? new Map<string, string>();
        const wanted = input.Targets?.map((t) => t.Id);
        const found = [...targets].filter(([id]) => !wanted || wanted.includes(id));
        const missing = (wanted ?? [])
          .filter((id) => id && !targets.has(id))
          .map((id) => [id, 'unused'] as const);
        return {
          TargetHealthDescriptions: [...found, ...missing].map(([Id, State]) => ({
            Target: { Id, Port: 30000 },
            TargetHealth: { State },
          })),
        };
      },
      DescribeTargetGroups(input: sdk.DescribeTargetGroupsInput) {
        const arns = input.LoadBalancerArn
          ? [balancing.ofArn(input.LoadBalancerArn).targets]
          : (input.TargetGroupArns ?? [
              ...new Set([...world.groups.values()].flatMap((g) => g.targetGroups)),
              ...balancing.balancers.filter((b) => b.kind === 'network').map((b) => b.targets),
            ]);
        return {
          TargetGroups: arns.map((TargetGroupArn) => ({
            TargetGroupArn,
            TargetGroupName: TargetGroupArn.split('/')[1],
            TargetType: 'instance',
            Protocol: 'TCP',
            Port: 30000,
          })),
        };
      },
      RegisterTargets(input: sdk.RegisterTargetsInput) {
        for (const id of idsOf(input.Targets)) balancing.register(input.TargetGroupArn ?? '', id);
        return {};
      },
      DeregisterTargets(input: sdk.DeregisterTargetsInput) {
        for (const id of idsOf(input.Targets)) balancing.deregister(input.TargetGroupArn ?? '', id);
        return {};
      },
    },
  };
}

/** Classic load balancers: only the description tells who is on its way in or out. */
export function loadBalancingClassic(world: AwsWorld): Service {
  const { balancing } = world;
  const states: Record<string, [State: string, Description: string]> = {
    healthy: ['InService', 'N/A'],
    draining: ['InService', 'Instance deregistration currently in progress.'],
    initial: ['OutOfService', 'Instance registration is still in progress.'],
    unhealthy: [
      'OutOfService',
      'Instance has failed at least the UnhealthyThreshold number of health checks consecutively.',
    ],
  };
  const registered = (name: string | undefined) => [...(balancing.targets.get(name ?? '') ?? [])];
  const instances = (name: string | undefined) => ({
    Instances: registered(name)
      .filter(([, state]) => state !== 'draining')
      .map(([InstanceId]) => ({ InstanceId })),
  });
  return {
    signingName: 'elasticloadbalancing',
    protocol: 'query',
    version: '2012-06-01',
    shapes: classicSdk,
    actions: {
      DescribeLoadBalancers() {
        return {
          LoadBalancerDescriptions: balancing.balancers
            .filter((b) => b.kind === 'classic')
            .map((b) => ({ LoadBalancerName: b.name, DNSName: b.dnsName, ...instances(b.targets) })),
        };
      },
      DescribeInstanceHealth(input: classicSdk.DescribeEndPointStateInput) {
        return {
          InstanceStates: registered(input.LoadBalancerName).map(([InstanceId, state]) => {
            const [State, Description] = states[state] ?? [];
            return { InstanceId, State, Description };
          }),
        };
      },
      RegisterInstancesWithLoadBalancer(input: classicSdk.RegisterEndPointsInput) {
        for (const { InstanceId = '' } of input.Instances ?? [])
          balancing.register(input.LoadBalancerName ?? '', InstanceId);
        return instances(input.LoadBalancerName);
      },
      DeregisterInstancesFromLoadBalancer(input: classicSdk.DeregisterEndPointsInput) {
        for (const { InstanceId = '' } of input.Instances ?? [])
          balancing.deregister(input.LoadBalancerName ?? '', InstanceId);
        return instances(input.LoadBalancerName);
      },
    },
  };
}
