import * as sdk from '@aws-sdk/client-auto-scaling';
import { launchShape, setLaunch } from '../launch.ts';
import type { Activity, EmbeddedGroup, EmbeddedInstance } from '../state.ts';
import { AwsRefusal } from '../state.ts';
import { configurationShape, createConfiguration, deleteConfiguration } from '../templates.ts';
import type { AwsWorld } from '../world.ts';
import type { Service } from './service.ts';

/** Every scaling process that can be suspended. */
const processes = [
  'Launch',
  'Terminate',
  'AddToLoadBalancer',
  'AlarmNotification',
  'AZRebalance',
  'HealthCheck',
  'InstanceRefresh',
  'ReplaceUnhealthy',
  'ScheduledActions',
];
const pageSize = 50;

export function autoScaling(world: AwsWorld): Service {
  const arn = (name: string): string =>
    `arn:aws:autoscaling:${world.description.region}:${world.description.accountId}:autoScalingGroup:embedded:autoScalingGroupName/${name}`;
  const nameOf = (input: { AutoScalingGroupName?: string | undefined }): string =>
    input.AutoScalingGroupName ?? '';
  const suspension = (suspended: boolean) => (input: sdk.ScalingProcessQuery) => {
    const wanted = input.ScalingProcesses?.length ? input.ScalingProcesses : processes;
    const unknown = wanted.find((p) => !processes.includes(p));
    if (unknown) throw new AwsRefusal('ValidationError', `Unknown scaling process: ${unknown}`);
    world.suspend(nameOf(input), wanted, suspended);
    return {};
  };
  return {
    signingName: 'autoscaling',
    protocol: 'query',
    version: '2011-01-01',
    shapes: sdk,
    actions: {
      DescribeAutoScalingGroups(input: sdk.AutoScalingGroupNamesType) {
        const names = input.AutoScalingGroupNames ?? [];
        const found = [...world.groups.values()].filter(
          (g) => (names.length === 0 || names.includes(g.name)) && matches(g, input.Filters ?? []),
        );
        const page = paged(found, input.NextToken, input.MaxRecords);
        return {
          AutoScalingGroups: page.items.map((g) => groupShape(world, g, arn(g.name))),
          NextToken: page.next,
        };
      },
      DescribeAutoScalingInstances(input: sdk.DescribeAutoScalingInstancesType) {
        const found = [...world.instances.values()].filter(
          (i) => i.lifecycle !== 'Terminated' && (input.InstanceIds ?? [i.id]).includes(i.id),
        );
        return {
          AutoScalingInstances: found.map((i) => ({ ...instanceShape(i), AutoScalingGroupName: i.group })),
        };
      },
      DescribeScalingActivities(input: sdk.DescribeScalingActivitiesType) {
        const page = paged(world.group(nameOf(input)).activities, input.NextToken, input.MaxRecords);
        return { Activities: page.items.map(activityShape), NextToken: page.next };
      },
      SetDesiredCapacity(input: sdk.SetDesiredCapacityType) {
        world.resize(nameOf(input), { desired: Number(input.DesiredCapacity) });
        return {};
      },
      UpdateAutoScalingGroup(input: sdk.UpdateAutoScalingGroupType) {
        const { MinSize, MaxSize, DesiredCapacity } = input;
        setLaunch(world, nameOf(input), input);
        world.resize(nameOf(input), {
          ...(MinSize === undefined ? {} : { min: MinSize }),
          ...(MaxSize === undefined ? {} : { max: MaxSize }),
          ...(DesiredCapacity === undefined ? {} : { desired: DesiredCapacity }),
        });
        return {};
      },
      LaunchInstances(input: sdk.LaunchInstancesRequest) {
        const zones = input.AvailabilityZones ?? [];
        const count = Number(input.RequestedCapacity ?? 1);
        const { ids, failure } = world.launch(nameOf(input), {
          zones,
          count,
          token: input.ClientToken ?? '',
        });
        const first = world.instances.get(ids[0] ?? '');
        return {
          AutoScalingGroupName: nameOf(input),
          ClientToken: input.ClientToken,
          Instances:
            ids.length > 0
              ? [
                  {
                    InstanceType: first?.instanceType,
                    AvailabilityZone: first?.zone,
                    SubnetId: first?.subnet,
                    InstanceIds: ids,
                  },
                ]
              : [],
          Errors: failure
            ? [
                {
                  AvailabilityZone: zones[0],
                  ErrorCode: 'InsufficientInstanceCapacity',
                  ErrorMessage: failure,
                },
              ]
            : [],
        };
      },
      TerminateInstanceInAutoScalingGroup(input: sdk.TerminateInstanceInAutoScalingGroupType) {
        return {
          Activity: activityShape(
            world.terminate(input.InstanceId ?? '', input.ShouldDecrementDesiredCapacity ?? false),
          ),
        };
      },
      SuspendProcesses: suspension(true),
      ResumeProcesses: suspension(false),
      CreateOrUpdateTags(input: sdk.CreateOrUpdateTagsType) {
        for (const tag of input.Tags ?? [])
          world.group(tag.ResourceId).tags.set(tag.Key ?? '', tag.Value ?? '');
        return {};
      },
      DeleteTags(input: sdk.DeleteTagsType) {
        for (const tag of input.Tags ?? []) world.group(tag.ResourceId).tags.delete(tag.Key ?? '');
        return {};
      },
      DescribeInstanceRefreshes(input: sdk.DescribeInstanceRefreshesType) {
        const { name, refreshing } = world.group(nameOf(input));
        const running = {
          InstanceRefreshId: `refresh-${name}`,
          AutoScalingGroupName: name,
          Status: 'InProgress',
        };
        return { InstanceRefreshes: refreshing ? [running] : [] };
      },
      DescribeLifecycleHooks(input: sdk.DescribeLifecycleHooksType) {
        const { hooks, name } = world.group(nameOf(input));
        return {
          LifecycleHooks: hooks.map((h) => ({
            LifecycleHookName: h.name,
            AutoScalingGroupName: name,
            LifecycleTransition: h.transition,
            HeartbeatTimeout: h.heartbeatSeconds,
            DefaultResult: h.defaultResult,
          })),
        };
      },
      CompleteLifecycleAction(input: sdk.CompleteLifecycleActionType) {
        world.completeHook(input.InstanceId ?? '');
        return {};
      },
      SetInstanceProtection(input: sdk.SetInstanceProtectionQuery) {
        for (const id of input.InstanceIds ?? []) {
          const instance = world.instances.get(id);
          if (instance) instance.protectedFromScaleIn = input.ProtectedFromScaleIn ?? false;
        }
        return {};
      },
      DescribeLaunchConfigurations(input: sdk.LaunchConfigurationNamesType) {
        const wanted = input.LaunchConfigurationNames ?? [];
        const found = world.description.launchConfigurations.filter(
          (c) => wanted.length === 0 || wanted.includes(c.name),
        );
        const page = paged(found, input.NextToken, input.MaxRecords);
        return { LaunchConfigurations: page.items.map(configurationShape), NextToken: page.next };
      },
      CreateLaunchConfiguration(input: sdk.CreateLaunchConfigurationType) {
        createConfiguration(world.description, input);
        return {};
      },
      DeleteLaunchConfiguration(input: sdk.LaunchConfigurationNameType) {
        deleteConfiguration(world.description, world.groups.values(), input.LaunchConfigurationName ?? '');
        return {};
      },
    },
  };
}

function paged<T>(
  all: readonly T[],
  token: string | undefined,
  size = pageSize,
): { items: T[]; next: string | undefined } {
  const from = Number(token ?? 0);
  return {
    items: all.slice(from, from + size),
    next: from + size < all.length ? String(from + size) : undefined,
  };
}

/** `tag:<key>` with values, `tag-key`, `tag-value`. */
function matches(group: EmbeddedGroup, filters: sdk.Filter[]): boolean {
  return filters.every(({ Name = '', Values = [] }) => {
    if (Name === 'tag-key') return Values.some((key) => group.tags.has(key));
    if (Name === 'tag-value') return [...group.tags.values()].some((value) => Values.includes(value));
    return Values.includes(group.tags.get(Name.replace(/^tag:/, '')) ?? '');
  });
}

function groupShape(world: AwsWorld, group: EmbeddedGroup, arn: string): sdk.AutoScalingGroup {
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: arn,
    MinSize: group.min,
    MaxSize: group.max,
    DesiredCapacity: group.desired,
    DefaultCooldown: 300,
    AvailabilityZones: [...new Set(group.subnets.map((s) => s.zone))],
    VPCZoneIdentifier: group.subnets.map((s) => s.id).join(','),
    HealthCheckType: group.replacesUnhealthyTargets ? 'ELB' : 'EC2',
    HealthCheckGracePeriod: 300,
    CreatedTime: new Date(0),
    ...launchShape(world, group),
    Instances: world.membersOf(group.name).map(instanceShape),
    SuspendedProcesses: [...group.suspended].map((ProcessName) => ({
      ProcessName,
      SuspensionReason: 'User suspended',
    })),
    Tags: [...group.tags].map(([Key, Value]) => ({
      Key,
      Value,
      ResourceId: group.name,
      ResourceType: 'auto-scaling-group',
      PropagateAtLaunch: true,
    })),
    TargetGroupARNs: group.targetGroups,
    LoadBalancerNames: group.classicLoadBalancers,
    TerminationPolicies: ['Default'],
    NewInstancesProtectedFromScaleIn: false,
  };
}

function instanceShape(i: EmbeddedInstance): sdk.Instance {
  return {
    InstanceId: i.id,
    InstanceType: i.instanceType,
    AvailabilityZone: i.zone,
    LifecycleState: i.lifecycle as sdk.LifecycleState,
    HealthStatus: i.healthy ? 'Healthy' : 'Unhealthy',
    LaunchConfigurationName: i.launchConfiguration,
    LaunchTemplate: i.template
      ? { LaunchTemplateId: i.template.id, LaunchTemplateName: i.template.name, Version: i.template.version }
      : undefined,
    ProtectedFromScaleIn: i.protectedFromScaleIn,
  };
}

function activityShape(a: Activity): sdk.Activity {
  return {
    ActivityId: a.id,
    AutoScalingGroupName: a.group,
    Description: a.description,
    Cause: a.cause,
    StartTime: new Date(a.startedAt),
    EndTime: a.endedAt === undefined ? undefined : new Date(a.endedAt),
    StatusCode: a.status as sdk.ScalingActivityStatusCode,
    StatusMessage: a.message || undefined,
    Progress: a.progress,
    Details: '{}',
  };
}
