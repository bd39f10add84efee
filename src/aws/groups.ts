import {
  type Instance as AsgInstance,
  type AutoScalingGroup,
  paginateDescribeAutoScalingGroups,
} from '@aws-sdk/client-auto-scaling';
import { DescribeSubnetsCommand, type EC2Client } from '@aws-sdk/client-ec2';
import type { Group, GroupInstance, GroupSelection, LifecycleState } from '../cluster/ports.ts';
import { calling } from './errors.ts';
import type { Memory } from './memory.ts';
import { type TemplateClients, targetsOf } from './templates.ts';

/** Groups as they are now; what they launch from and where may be a minute old. */
export async function describeGroups(
  clients: TemplateClients,
  select: GroupSelection,
  memory: Memory,
): Promise<Group[]> {
  // AWS takes no names for all groups.
  if ('names' in select && select.names.length === 0) return [];
  const input =
    'names' in select
      ? { AutoScalingGroupNames: select.names }
      : {
          Filters: Object.entries(select.tags).map(([key, value]) =>
            value === '*' ? { Name: 'tag-key', Values: [key] } : { Name: `tag:${key}`, Values: [value] },
          ),
        };
  const found: AutoScalingGroup[] = await calling('DescribeAutoScalingGroups', async () => {
    const pages: AutoScalingGroup[] = [];
    for await (const page of paginateDescribeAutoScalingGroups({ client: clients.autoScaling }, input))
      pages.push(...(page.AutoScalingGroups ?? []));
    return pages;
  });
  const ids = [...new Set(found.flatMap(subnetIds))].sort();
  const subnets = await memory.once(`subnets ${ids}`, () => describeSubnets(clients.ec2, ids));
  return Promise.all(
    found.map(async (group) => {
      const { AutoScalingGroupName, LaunchConfigurationName, LaunchTemplate, MixedInstancesPolicy } = group;
      const source = [AutoScalingGroupName, LaunchConfigurationName, LaunchTemplate, MixedInstancesPolicy];
      const targets = await memory.once(`targets ${JSON.stringify(source)}`, () => targetsOf(clients, group));
      return groupOf(group, subnets, targets);
    }),
  );
}

function subnetIds(group: AutoScalingGroup): string[] {
  return (group.VPCZoneIdentifier ?? '').split(',').filter(Boolean);
}

async function describeSubnets(
  ec2: EC2Client,
  ids: string[],
): Promise<Map<string, Group['subnets'][number]>> {
  if (ids.length === 0) return new Map();
  const answer = await calling('DescribeSubnets', () =>
    ec2.send(new DescribeSubnetsCommand({ SubnetIds: ids })),
  );
  const entries = (answer.Subnets ?? []).map((s) => {
    const id = s.SubnetId ?? '';
    return [
      id,
      { id, zone: s.AvailabilityZone ?? '', freeAddresses: s.AvailableIpAddressCount ?? 0 },
    ] as const;
  });
  return new Map(entries);
}

function groupOf(
  group: AutoScalingGroup,
  subnets: Map<string, Group['subnets'][number]>,
  targets: Pick<Group, 'target' | 'overrides'>,
): Group {
  return {
    name: group.AutoScalingGroupName ?? '',
    min: group.MinSize ?? 0,
    max: group.MaxSize ?? 0,
    desired: group.DesiredCapacity ?? 0,
    zones: group.AvailabilityZones ?? [],
    subnets: subnetIds(group).flatMap((id) => subnets.get(id) ?? []),
    instances: (group.Instances ?? []).map(instanceOf),
    suspended: (group.SuspendedProcesses ?? []).flatMap((p) => p.ProcessName ?? []),
    tags: Object.fromEntries((group.Tags ?? []).map((t) => [t.Key ?? '', t.Value ?? ''])),
    targetGroups: group.TargetGroupARNs ?? [],
    classicLoadBalancers: group.LoadBalancerNames ?? [],
    replacesUnhealthyTargets: (group.HealthCheckType ?? '').includes('ELB'),
    ...targets,
    canLaunchInZone: takesLaunches(group),
    countsUnits: countsUnits(group),
  };
}

/** LaunchInstances serves plain On-Demand groups only (https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-instances-synchronously.html). */
function takesLaunches(group: AutoScalingGroup): boolean {
  const weighted = (group.Instances ?? []).some((i) => i.WeightedCapacity !== undefined);
  return (
    group.LaunchTemplate !== undefined &&
    !group.MixedInstancesPolicy &&
    !weighted &&
    !group.WarmPoolConfiguration
  );
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-mixed-instances-groups-instance-weighting.html */
function countsUnits({ DesiredCapacityType, MixedInstancesPolicy }: AutoScalingGroup): boolean {
  const weights = MixedInstancesPolicy?.LaunchTemplate?.Overrides?.flatMap((o) => o.WeightedCapacity ?? []);
  return (DesiredCapacityType ?? 'units') !== 'units' || (weights ?? []).some((weight) => weight !== '1');
}

function instanceOf(i: AsgInstance): GroupInstance {
  const template = i.LaunchTemplate;
  return {
    id: i.InstanceId ?? '',
    zone: i.AvailabilityZone ?? '',
    lifecycle: (i.LifecycleState ?? 'Pending') as LifecycleState,
    healthy: i.HealthStatus === 'Healthy',
    protectedFromScaleIn: i.ProtectedFromScaleIn ?? false,
    ...(i.InstanceType ? { instanceType: i.InstanceType } : {}),
    ...(template
      ? {
          template: {
            version: template.Version ?? '',
            ...(template.LaunchTemplateId ? { id: template.LaunchTemplateId } : {}),
            ...(template.LaunchTemplateName ? { name: template.LaunchTemplateName } : {}),
          },
        }
      : {}),
    ...(i.LaunchConfigurationName ? { launchConfiguration: i.LaunchConfigurationName } : {}),
  };
}
