import * as classicSdk from '@aws-sdk/client-elastic-load-balancing';
import * as sdk from '@aws-sdk/client-elastic-load-balancing-v2';
import type { AwsWorld } from '../world.ts';
import type { Service } from './service.ts';

/** Application and network load balancers: target groups. */
export function loadBalancingV2(world: AwsWorld): Service {
  return {
    signingName: 'elasticloadbalancing',
    protocol: 'query',
    version: '2015-12-01',
    shapes: sdk,
    actions: {
      DescribeTargetHealth(input: sdk.DescribeTargetHealthInput) {
        const targets = world.targets.get(input.TargetGroupArn ?? '') ?? new Map<string, string>();
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
        const arns = input.TargetGroupArns ?? [
          ...new Set([...world.groups.values()].flatMap((g) => g.targetGroups)),
        ];
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
    },
  };
}

/** Classic load balancers. */
export function loadBalancingClassic(world: AwsWorld): Service {
  const states: Record<string, string> = { healthy: 'InService' };
  return {
    signingName: 'elasticloadbalancing',
    protocol: 'query',
    version: '2012-06-01',
    shapes: classicSdk,
    actions: {
      DescribeInstanceHealth(input: classicSdk.DescribeEndPointStateInput) {
        const targets = world.targets.get(input.LoadBalancerName ?? '') ?? new Map<string, string>();
        return {
          InstanceStates: [...targets].map(([InstanceId, state]) => ({
            InstanceId,
            State: states[state] ?? 'OutOfService',
          })),
        };
      },
    },
  };
}
