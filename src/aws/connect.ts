import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  DescribeInstanceRefreshesCommand,
  LaunchInstancesCommand,
  paginateDescribeScalingActivities,
  ResumeProcessesCommand,
  SetDesiredCapacityCommand,
  SuspendProcessesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  UpdateAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand, EC2Client, type Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSMClient } from '@aws-sdk/client-ssm';
import type { Clock } from '../clock.ts';
import {
  type Aws,
  AwsError,
  type Instance,
  type LaunchAnswer,
  type ScalingActivity,
} from '../cluster/ports.ts';
import { patiently } from './contention.ts';
import { chainCredentials } from './credentials.ts';
import { calling, isAwsError } from './errors.ts';
import { describeGroups } from './groups.ts';
import { launchImages } from './images.ts';
import { launchParameters, launchSourceOf } from './launch-source.ts';
import { launchesOf } from './launches.ts';
import { balancersAt, deregister, healthOfTargets, register } from './load-balancers.ts';
import { Memory } from './memory.ts';
import type { JobCredentials } from './renewing.ts';

export { clusterAccess } from './eks.ts';

export interface AwsConnection {
  region: string;
  clock: Clock;
  /** Without them those of the default chain. */
  credentials?: JobCredentials;
}

/** Enough for a minute of throttling: the SDK's adaptive mode slows down by itself. */
const maxAttempts = 10;
/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html */
const filterValues = 200;

/** The AWS port over SDK v3, Endpoints follow the SDK's own configuration. */
export function connectAws({ region, clock, credentials = chainCredentials() }: AwsConnection): Aws {
  const configuration = { region, maxAttempts, retryMode: 'adaptive', credentials: credentials.provider };
  const autoScaling = new AutoScalingClient(configuration);
  const ec2 = new EC2Client(configuration);
  const ssm = new SSMClient(configuration);
  const balancers = {
    classic: new ElasticLoadBalancingClient(configuration),
    v2: new ElasticLoadBalancingV2Client(configuration),
  };

  const memory = new Memory(clock);
  const changing = <T>(operation: string, call: () => Promise<T>): Promise<T> =>
    patiently(clock, operation, call);

  return {
    ...launchImages({ autoScaling, ec2, ssm }),
    groups(select, { fresh = false } = {}) {
      if (fresh) memory.clear();
      return describeGroups({ autoScaling, ec2, ssm }, select, memory);
    },
    async instances(ids) {
      const found: Instance[] = [];
      for (let from = 0; from < ids.length; from += filterValues)
        found.push(...(await instances(ec2, ids.slice(from, from + filterValues))));
      return found;
    },
    activities: (group, since) =>
      calling('DescribeScalingActivities', () => activities(autoScaling, group, since)),
    async resize(group, { min, max, desired }) {
      const sizes = {
        ...(min === undefined ? {} : { MinSize: min }),
        ...(max === undefined ? {} : { MaxSize: max }),
      };
      if (Object.keys(sizes).length > 0) {
        await changing('UpdateAutoScalingGroup', () =>
          autoScaling.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: group, ...sizes })),
        );
      }
      if (desired === undefined) return;
      await changing('SetDesiredCapacity', () =>
        autoScaling.send(
          new SetDesiredCapacityCommand({
            AutoScalingGroupName: group,
            DesiredCapacity: desired,
            HonorCooldown: false,
          }),
        ),
      );
    },
    async launchSource(group) {
      const answer = await calling('DescribeAutoScalingGroups', () =>
        autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] })),
      );
      const [found] = answer.AutoScalingGroups ?? [];
      if (!found) throw new AwsError('DescribeAutoScalingGroups', 'NotFound', `no group is named ${group}`);
      return launchSourceOf(found);
    },
    launchesOf: (source) => launchesOf({ autoScaling, ec2, ssm }, source),
    async launchFrom(group, source) {
      await changing('UpdateAutoScalingGroup', () =>
        autoScaling.send(
          new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: group, ...launchParameters(source) }),
        ),
      );
    },
    launch: (group, request) => launch(autoScaling, changing, group, request),
    async terminate(instanceId, { decrement }) {
      try {
        await changing('TerminateInstanceInAutoScalingGroup', () =>
          autoScaling.send(
            new TerminateInstanceInAutoScalingGroupCommand({
              InstanceId: instanceId,
              ShouldDecrementDesiredCapacity: decrement,
            }),
          ),
        );
      } catch (error) {
        // On its way already, or gone: what was asked for.
        if (
          isAwsError(error, 'ValidationError') &&
          /not found|is not in (InService|Standby)/i.test(error.message)
        )
          return;
        throw error;
      }
    },
    async suspend(group, processes) {
      await changing('SuspendProcesses', () =>
        autoScaling.send(
          new SuspendProcessesCommand({ AutoScalingGroupName: group, ScalingProcesses: [...processes] }),
        ),
      );
    },
    async resume(group, processes) {
      await changing('ResumeProcesses', () =>
        autoScaling.send(
          new ResumeProcessesCommand({ AutoScalingGroupName: group, ScalingProcesses: [...processes] }),
        ),
      );
    },
    balancersAt: (dnsNames) => balancersAt(balancers, dnsNames),
    targetHealth: (of) => healthOfTargets(balancers, of),
    deregister: (instanceId, from) => deregister(balancers, instanceId, from),
    register: (instanceId, to) => register(balancers, instanceId, to),
    async refreshInProgress(group) {
      const answer = await calling('DescribeInstanceRefreshes', () =>
        autoScaling.send(new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: group })),
      );
      const running = new Set(['Pending', 'InProgress', 'Cancelling', 'RollbackInProgress', 'Baking']);
      return (answer.InstanceRefreshes ?? []).some((r) => running.has(r.Status ?? ''));
    },
  };
}

async function launch(
  client: AutoScalingClient,
  changing: <T>(operation: string, call: () => Promise<T>) => Promise<T>,
  group: string,
  request: { zone: string; count: number; token: string },
): Promise<LaunchAnswer> {
  try {
    const answer = await changing('LaunchInstances', () =>
      client.send(
        new LaunchInstancesCommand({
          AutoScalingGroupName: group,
          RequestedCapacity: request.count,
          ClientToken: request.token,
          AvailabilityZones: [request.zone],
          RetryStrategy: 'none',
        }),
      ),
    );
    const instanceIds = (answer.Instances ?? []).flatMap((i) => i.InstanceIds ?? []);
    const [error] = answer.Errors ?? [];
    if (error && instanceIds.length < request.count)
      return { kind: 'refused', code: error.ErrorCode ?? 'Error', message: error.ErrorMessage ?? '' };
    return { kind: 'launched', instanceIds };
  } catch (error) {
    if (isAwsError(error, 'ValidationError'))
      return { kind: 'refused', code: error.code, message: error.message };
    throw error;
  }
}

async function activities(
  client: AutoScalingClient,
  group: string,
  since: number,
): Promise<ScalingActivity[]> {
  const found: ScalingActivity[] = [];
  for await (const page of paginateDescribeScalingActivities({ client }, { AutoScalingGroupName: group })) {
    for (const a of page.Activities ?? []) {
      const startedAt = a.StartTime?.getTime() ?? 0;
      // They come newest first.
      if (startedAt < since) return found;
      found.push({
        id: a.ActivityId ?? '',
        status: a.StatusCode ?? '',
        reason: a.StatusMessage ?? '',
        cause: a.Cause ?? '',
        description: a.Description ?? '',
        startedAt,
        ...(a.EndTime ? { endedAt: a.EndTime.getTime() } : {}),
        progress: a.Progress ?? 0,
      });
    }
  }
  return found;
}

/** A filter leaves unknown ids out, where asking by id fails for all of them. */
async function instances(ec2: EC2Client, ids: readonly string[]): Promise<Instance[]> {
  const answer = await calling('DescribeInstances', () =>
    ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: 'instance-id', Values: [...ids] }] })),
  );
  return (answer.Reservations ?? []).flatMap((r) => r.Instances ?? []).map(instanceOf);
}

function instanceOf(i: Ec2Instance): Instance {
  return {
    id: i.InstanceId ?? '',
    state: (i.State?.Name ?? 'pending') as Instance['state'],
    imageId: i.ImageId ?? '',
    instanceType: i.InstanceType ?? '',
    zone: i.Placement?.AvailabilityZone ?? '',
    privateDnsName: i.PrivateDnsName ?? '',
    launchedAt: i.LaunchTime?.getTime() ?? 0,
  };
}
