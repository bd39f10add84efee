import { launchParameters, launchSourceOf } from '../../aws/launch-source.ts';
import { actionsOf } from '../../aws/rights.ts';
import type {
  Aws,
  Balancers,
  Group,
  GroupInstance,
  Instance,
  LaunchSource,
  LaunchTarget,
  TemplateChoice,
} from '../../cluster/ports.ts';
import { inProcessImages } from './in-process-images.ts';
import { launchShape, setLaunch } from './launch.ts';
import { permit } from './policy.ts';
import { refusable } from './refusable.ts';
import { AwsRefusal, type EmbeddedGroup, type EmbeddedInstance, type Override } from './state.ts';
import type { AwsWorld } from './world.ts';

/** The AWS port straight on the embedded account: engine and world in one process, on one clock. */
export function inProcessAws(world: AwsWorld): Aws {
  return permitted(world, {
    ...inProcessImages(world),
    groups: async (select) =>
      [...world.groups.values()]
        .filter((g) => ('names' in select ? select.names.includes(g.name) : hasTags(g, select.tags)))
        .map((g) => groupOf(world, g)),
    instances: async (ids) =>
      ids.flatMap((id) => {
        const found = world.instances.get(id);
        return found ? [instanceOf(found)] : [];
      }),
    activities: async (group, since) =>
      world
        .group(group)
        .activities.filter((a) => a.startedAt >= since)
        .map(({ id, status, message, cause, description, startedAt, endedAt, progress }) => ({
          id,
          status,
          reason: message,
          cause,
          description,
          startedAt,
          ...(endedAt === undefined ? {} : { endedAt }),
          progress,
        })),
    resize: async (group, size) => refusable('UpdateAutoScalingGroup', () => world.resize(group, size)),
    // Through the parameters of the wire, so that both ways in know one and the same policy.
    launchSource: async (group) =>
      launchSourceOf(refusable('DescribeAutoScalingGroups', () => launchShape(world, world.group(group)))),
    launchesOf: async (source) => {
      try {
        return launchesOf(world, source);
      } catch (error) {
        if (error instanceof AwsRefusal) return undefined;
        throw error;
      }
    },
    launchFrom: async (group, source) =>
      refusable('UpdateAutoScalingGroup', () => setLaunch(world, group, launchParameters(source))),
    async launch(group, { zone, count, token }) {
      try {
        const { ids, failure } = world.launch(group, { zones: [zone], count, token });
        return failure && ids.length < count
          ? { kind: 'refused', code: 'InsufficientInstanceCapacity', message: failure }
          : { kind: 'launched', instanceIds: ids };
      } catch (error) {
        if (error instanceof AwsRefusal) return { kind: 'refused', code: error.code, message: error.message };
        throw error;
      }
    },
    async terminate(instanceId, { decrement }) {
      const lifecycle = world.instances.get(instanceId)?.lifecycle ?? 'Terminated';
      if (lifecycle.startsWith('Terminat')) return;
      refusable('TerminateInstanceInAutoScalingGroup', () => world.terminate(instanceId, decrement));
    },
    suspend: async (group, processes) => world.suspend(group, processes, true),
    resume: async (group, processes) => world.suspend(group, processes, false),
    async balancersAt(dnsNames) {
      const found = world.balancing.balancers.filter((b) => dnsNames.includes(b.dnsName));
      return {
        targetGroups: found.filter((b) => b.kind === 'network').map((b) => b.targets),
        classicLoadBalancers: found.filter((b) => b.kind === 'classic').map((b) => b.targets),
      };
    },
    targetHealth: async (of) =>
      namesOf(of).flatMap((balancer) =>
        [...(world.balancing.targets.get(balancer) ?? [])].map(([instanceId, state]) => ({
          id: balancer,
          loadBalancer: balancer.split('/')[1] ?? balancer,
          instanceId,
          state,
        })),
      ),
    async deregister(instanceId, from) {
      for (const balancer of namesOf(from)) world.balancing.deregister(balancer, instanceId);
    },
    async register(instanceId, to) {
      for (const balancer of namesOf(to)) world.balancing.register(balancer, instanceId);
    },
    refreshInProgress: async (group) => world.group(group).refreshing ?? false,
  });
}

const namesOf = (balancers: Balancers): string[] => [
  ...balancers.targetGroups,
  ...balancers.classicLoadBalancers,
];

/** Each method with the rights of the calls that it stands for, as the table of the product has them. */
function permitted(world: AwsWorld, aws: Aws): Aws {
  const guarded = Object.entries(aws).map(([method, perform]) => {
    const actions = actionsOf(method);
    return [
      method,
      async (...args: unknown[]) => {
        for (const action of actions)
          refusable(action.split(':')[1] ?? '', () => permit(world, { action, input: inputOf(args) }));
        return (perform as (...args: unknown[]) => unknown)(...args);
      },
    ];
  });
  return Object.fromEntries(guarded) as Aws;
}

/** The first argument of a method names what it is about, or the second what it makes; image aliases are those of AWS. */
const inputOf = ([first, second]: unknown[]): Record<string, unknown> => ({
  LaunchConfigurationName: (second as { name?: unknown } | undefined)?.name ?? first,
  ...(String(first).startsWith('i-') ? { InstanceId: first } : { AutoScalingGroupName: first }),
  Name: '/aws/service/eks/optimized-ami',
});

const hasTags = (group: EmbeddedGroup, tags: Record<string, string>): boolean =>
  Object.entries(tags).every(([key, value]) =>
    value === '*' ? group.tags.has(key) : group.tags.get(key) === value,
  );

function groupOf(world: AwsWorld, group: EmbeddedGroup): Group {
  const targets = targetsOf(world, group);
  return {
    name: group.name,
    min: group.min,
    max: group.max,
    desired: group.desired,
    zones: [...new Set(group.subnets.map((s) => s.zone))],
    subnets: group.subnets.map((s) => ({ ...s })),
    instances: world.membersOf(group.name).map(memberOf),
    suspended: [...group.suspended],
    tags: Object.fromEntries(group.tags),
    targetGroups: [...group.targetGroups],
    classicLoadBalancers: [...group.classicLoadBalancers],
    replacesUnhealthyTargets: group.replacesUnhealthyTargets ?? false,
    ...targets,
    canLaunchInZone: targets.target.template !== undefined && group.overrides === undefined,
    countsUnits: (group.overrides ?? []).some((o) => (o.weight ?? '1') !== '1'),
  };
}

type Launches = Parameters<AwsWorld['templateOf']>[0];

function targetsOf(world: AwsWorld, group: Launches): Pick<Group, 'target' | 'overrides'> {
  const own = (group.overrides ?? []).filter((o) => o.template);
  const types = (group.overrides ?? []).flatMap((o) => o.instanceType ?? []);
  const target = targetOf(world, group);
  return {
    target: types.length > 0 ? { ...target, instanceTypes: types } : target,
    ...(own.length > 0
      ? {
          overrides: own.map(({ template, instanceType }) => ({
            ...(instanceType ? { instanceType } : {}),
            target: targetOf(world, group, template ? { template } : {}),
          })),
        }
      : {}),
  };
}

/** What a group that is set to this would launch. */
function launchesOf(world: AwsWorld, source: LaunchSource): Pick<Group, 'target' | 'overrides'> {
  if (source.kind === 'configuration') return targetsOf(world, { launchConfiguration: source.name });
  const choice = ({ LaunchTemplateId: id, Version: version }: TemplateChoice) => ({ id, version });
  if (source.kind === 'template') return targetsOf(world, { template: choice(source.template) });
  const { LaunchTemplateSpecification: base, Overrides = [] } = source.policy.LaunchTemplate;
  return targetsOf(world, {
    template: choice(base),
    overrides: Overrides.map((o) => ({
      ...(typeof o.InstanceType === 'string' ? { instanceType: o.InstanceType } : {}),
      ...(o.LaunchTemplateSpecification ? { template: choice(o.LaunchTemplateSpecification) } : {}),
    })),
  });
}

function targetOf(world: AwsWorld, group: Launches, override: Override = {}): LaunchTarget {
  const { instanceType, ...rest } = world.templateOf(group, override);
  return { ...rest, instanceTypes: [instanceType] };
}

function memberOf(i: EmbeddedInstance): GroupInstance {
  return {
    id: i.id,
    zone: i.zone,
    lifecycle: i.lifecycle,
    healthy: i.healthy,
    protectedFromScaleIn: i.protectedFromScaleIn,
    instanceType: i.instanceType,
    ...(i.template ? { template: i.template } : {}),
    ...(i.launchConfiguration ? { launchConfiguration: i.launchConfiguration } : {}),
  };
}

const instanceOf = (i: EmbeddedInstance): Instance => ({
  id: i.id,
  state: i.ec2,
  imageId: i.imageId,
  instanceType: i.instanceType,
  zone: i.zone,
  privateDnsName: i.privateDnsName,
  launchedAt: i.launchedAt,
});
