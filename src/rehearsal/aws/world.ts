import type { Policy } from '../../aws/rights.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Cloud, Machine, MachineRoom } from '../world/machine.ts';
import type { Random } from '../world/random.ts';
import { Balancing } from './balancing.ts';
import { imbalance, subnetForLaunch, victimOfScaleIn } from './choose.ts';
import {
  type Activity,
  type AwsDescription,
  AwsRefusal,
  type EmbeddedGroup,
  type EmbeddedInstance,
  instanceTypes,
  type LifecycleHook,
  maxPods,
  type Override,
  type Subnet,
  type TemplateVersion,
} from './state.ts';
import { numberOf, resolvedImage, versionOf } from './templates.ts';

export interface AwsWorldOptions {
  clock: WorldClock;
  random: Random;
  machineRoom: MachineRoom;
  description: AwsDescription;
  /** AWS's durations are divided by this. */
  factor: number;
  /** What callers of the account may do; without it everything. */
  policy?: Policy | undefined;
  /** The StatusMessage of a launch that fails; undefined lets it succeed. */
  launchFailure?: (group: string, zone: string, instanceType: string) => string | undefined;
}

/** How long AWS takes, before the factor. */
const durations = {
  reconcile: 5_000,
  pendingToRunning: 20_000,
  runningToInService: 10_000,
  shuttingDown: 40_000,
  retryLaunch: 60_000,
  rebalance: 120_000,
};

/** Auto Scaling and EC2 of the embedded account, without wire: a reconciler per group, as the service works. */
export class AwsWorld implements Cloud {
  readonly description: AwsDescription;
  readonly policy: Policy | undefined;
  readonly groups = new Map<string, EmbeddedGroup>();
  readonly instances = new Map<string, EmbeddedInstance>();
  readonly balancing: Balancing;
  readonly #o: AwsWorldOptions;
  readonly #gone: ((id: string) => void)[] = [];
  readonly #launched = new Map<string, string[]>();
  readonly #holds = new Map<string, () => void>();
  readonly #due = new Map<string, () => void>();
  #addresses = 10;
  #stopped = false;

  constructor(options: AwsWorldOptions) {
    this.#o = options;
    this.description = options.description;
    this.policy = options.policy;
    this.balancing = new Balancing(
      (ms, task) => void this.#after(ms, task),
      options.description,
      (id, balancer) => this.#lostTarget(id, balancer),
    );
    for (const group of options.description.groups) {
      this.groups.set(group.name, {
        ...group,
        subnets: group.subnets.map((s) => ({ ...s })),
        suspended: new Set(),
        activities: [],
      });
      this.#reconcileSoon(group.name, 0);
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#due.values()) cancel();
  }

  instanceExists(id: string): boolean {
    const instance = this.instances.get(id);
    return instance !== undefined && instance.ec2 !== 'terminated';
  }

  onGone(listener: (id: string) => void): void {
    this.#gone.push(listener);
  }

  /** @throws AwsRefusal as DescribeAutoScalingGroups' siblings do for an unknown name. */
  group(name: string | undefined): EmbeddedGroup {
    const group = this.groups.get(name ?? '');
    if (!group)
      throw new AwsRefusal(
        'ValidationError',
        `AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`,
      );
    return group;
  }

  /** The instances that a group still counts as its own. */
  membersOf(group: string): EmbeddedInstance[] {
    return [...this.instances.values()].filter(
      (i) => i.group === group && i.lifecycle !== 'Terminated' && i.lifecycle !== 'Detached',
    );
  }

  resize(name: string, size: { min?: number; max?: number; desired?: number }): void {
    const group = this.group(name);
    const min = size.min ?? group.min;
    const max = size.max ?? group.max;
    if (min > max)
      throw new AwsRefusal(
        'ValidationError',
        `Max bound, ${max}, must be greater than or equal to min bound, ${min}`,
      );
    if (size.desired !== undefined && size.desired > max) {
      throw new AwsRefusal(
        'ValidationError',
        `New SetDesiredCapacity value ${size.desired} is above max value ${max} for the AutoScalingGroup.`,
      );
    }
    if (size.desired !== undefined && size.desired < min) {
      throw new AwsRefusal(
        'ValidationError',
        `New SetDesiredCapacity value ${size.desired} is below min value ${min} for the AutoScalingGroup.`,
      );
    }
    group.min = min;
    group.max = max;
    group.desired = Math.min(max, Math.max(min, size.desired ?? group.desired));
    this.#reconcileSoon(name);
  }

  /** LaunchInstances: desired grows by the count, and the answer names the instances. */
  launch(
    name: string,
    request: { zones: string[]; count: number; token: string },
  ): { ids: string[]; failure?: string } {
    const known = this.#launched.get(request.token);
    if (known) return { ids: known };
    const group = this.group(name);
    if (group.desired + request.count > group.max) {
      throw new AwsRefusal(
        'ValidationError',
        `Launching ${request.count} instances would exceed the maximum size ${group.max} of the AutoScalingGroup.`,
      );
    }
    const ids: string[] = [];
    for (let i = 0; i < request.count; i++) {
      const subnet = subnetForLaunch(group, this.membersOf(name), request.zones);
      if (!subnet)
        throw new AwsRefusal('ValidationError', `No subnet of ${name} is in ${request.zones.join(', ')}`);
      const failure = this.#failureOf(group, subnet);
      if (failure) {
        this.#failedActivity(group, failure);
        return { ids, failure };
      }
      group.desired++;
      ids.push(this.#launch(group, subnet, `a user called LaunchInstances`).id);
    }
    this.#launched.set(request.token, ids);
    return { ids };
  }

  /** TerminateInstanceInAutoScalingGroup. */
  terminate(id: string, decrement: boolean): Activity {
    const instance = this.instances.get(id);
    if (!instance || instance.lifecycle === 'Terminated')
      throw new AwsRefusal(
        'ValidationError',
        `Instance Id not found - No managed instance found for instance ID: ${id}`,
      );
    const group = this.group(instance.group);
    if (instance.lifecycle.startsWith('Terminating'))
      throw new AwsRefusal(
        'ValidationError',
        `The instance ${id} is not in InService or Standby or Pending.`,
      );
    if (decrement && group.desired <= group.min) {
      throw new AwsRefusal(
        'ValidationError',
        `Currently, desiredSize equals minSize (${group.min}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.`,
      );
    }
    if (decrement) group.desired--;
    const activity = this.#terminate(
      instance,
      `a user called TerminateInstanceInAutoScalingGroup for instance ${id}`,
    );
    this.#reconcileSoon(group.name);
    return activity;
  }

  /** DetachInstances without decrement: the instance runs on by itself, and its group launches another. */
  detach(id: string): void {
    const instance = this.#serving(id);
    instance.lifecycle = 'Detached';
    this.#reconcileSoon(instance.group);
  }

  /** EnterStandby without decrement: the instance stays in the group, which launches another. */
  enterStandby(id: string): void {
    const instance = this.#serving(id);
    instance.lifecycle = 'Standby';
    this.#reconcileSoon(instance.group);
  }

  /** EC2's own TerminateInstances: a group that it belongs to finds it unhealthy and replaces it. */
  terminateInEc2(id: string): void {
    const instance = this.instances.get(id);
    if (!instance || instance.ec2 === 'terminated') return;
    this.#o.machineRoom.halt(id);
    instance.ec2 = 'shutting-down';
    if (instance.lifecycle === 'Detached') {
      this.#after(durations.shuttingDown, () => this.#ended(instance));
      return;
    }
    instance.healthy = false;
    this.#reconcileSoon(instance.group);
  }

  #serving(id: string): EmbeddedInstance {
    const instance = this.instances.get(id);
    if (instance?.lifecycle === 'InService') return instance;
    throw new AwsRefusal('ValidationError', `The instance ${id} is not in InService.`);
  }

  /** An instance that vanishes without its group being asked: a hardware failure, or somebody in the console. */
  pullThePlug(id: string): void {
    const instance = this.instances.get(id);
    if (!instance || instance.ec2 === 'terminated') return;
    this.#halt(id);
    instance.healthy = false;
    this.#ended(instance);
    this.#reconcileSoon(instance.group);
  }

  /** A status check fails: the group terminates the instance and launches another. */
  markUnhealthy(id: string): void {
    const instance = this.instances.get(id);
    if (!instance) return;
    instance.healthy = false;
    this.#reconcileSoon(instance.group);
  }

  suspend(name: string, processes: readonly string[], suspended: boolean): void {
    const group = this.group(name);
    for (const process of processes) {
      if (suspended) group.suspended.add(process);
      else group.suspended.delete(process);
    }
    this.#reconcileSoon(name);
  }

  completeHook(id: string): void {
    const finish = this.#holds.get(id);
    if (!finish)
      throw new AwsRefusal('ValidationError', `No active Lifecycle Action found with instance ID ${id}`);
    finish();
  }

  /** What a group launches now, by one of its overrides if it has any. */
  templateOf(
    group: Pick<EmbeddedGroup, 'template' | 'launchConfiguration' | 'overrides'>,
    override: Override = {},
  ): TemplateVersion & {
    template?: NonNullable<EmbeddedInstance['template']>;
    launchConfiguration?: string;
  } {
    if (group.launchConfiguration) {
      const found = this.description.launchConfigurations.find((c) => c.name === group.launchConfiguration);
      if (!found)
        throw new AwsRefusal(
          'ValidationError',
          `Launch configuration name not found - ${group.launchConfiguration}`,
        );
      return { imageId: found.imageId, instanceType: found.instanceType, launchConfiguration: found.name };
    }
    const wanted = override.template ?? group.template;
    const template = this.description.templates.find((t) => t.id === wanted?.id);
    const asked = wanted?.version ?? '$Default';
    const number = template ? numberOf(template, asked) : 0;
    const version = template && versionOf(template, number);
    if (!template || !version)
      throw new AwsRefusal(
        'ValidationError',
        `Launch template ${wanted?.id} version ${asked} does not exist`,
      );
    const { instanceType = version.instanceType } = override;
    const imageId = resolvedImage(this.description, version.imageId);
    return {
      imageId,
      instanceType,
      template: { id: template.id, name: template.name, version: String(number) },
      ...(version.snapshots ? { snapshots: version.snapshots } : {}),
    };
  }

  #after(ms: number, task: () => void): () => void {
    return this.#o.clock.after(ms / this.#o.factor, () => {
      if (!this.#stopped) task();
    });
  }

  #reconcileSoon(name: string, ms = durations.reconcile): void {
    this.#due.get(name)?.();
    this.#due.set(
      name,
      this.#after(ms, () => this.#reconcile(name)),
    );
  }

  #reconcile(name: string): void {
    const group = this.group(name);
    // Instances on standby count no more than those that leave.
    const members = this.membersOf(name).filter((i) => !/^Terminating|Standby$/.test(i.lifecycle));
    this.#replaceUnhealthy(group, members);
    const missing = group.desired - members.length;
    if (missing > 0 && !group.suspended.has('Launch')) this.#fill(group, missing);
    if (missing < 0 && !group.suspended.has('Terminate')) {
      const victim = victimOfScaleIn(members);
      if (victim)
        this.#terminate(
          victim,
          'a user request changed the desired capacity, and an instance was selected for termination',
        );
      if (missing < -1) this.#reconcileSoon(name);
    }
    if (missing === 0) this.#rebalance(group, members);
  }

  #fill(group: EmbeddedGroup, missing: number): void {
    for (let i = 0; i < missing; i++) {
      const subnet = subnetForLaunch(group, this.membersOf(group.name));
      const failure = subnet
        ? this.#failureOf(group, subnet)
        : 'There are not enough free addresses in the subnets of the group. Launching EC2 instance failed.';
      if (!subnet || failure) {
        this.#failedActivity(group, failure ?? '');
        this.#reconcileSoon(group.name, durations.retryLaunch);
        return;
      }
      this.#launch(
        group,
        subnet,
        'an instance was started in response to a difference between desired and actual capacity',
      );
    }
  }

  #replaceUnhealthy(group: EmbeddedGroup, members: EmbeddedInstance[]): void {
    if (group.suspended.has('ReplaceUnhealthy') || group.suspended.has('Terminate')) return;
    for (const member of members.filter((m) => !m.healthy))
      this.#terminate(member, 'an instance was taken out of service in response to an EC2 health check');
  }

  /** Evens out zones by launching where there are few before terminating where there are many. */
  #rebalance(group: EmbeddedGroup, members: EmbeddedInstance[]): void {
    const uneven = imbalance(group, members);
    if (!uneven || group.suspended.has('AZRebalance') || group.suspended.has('Launch')) return;
    this.#after(durations.rebalance, () => {
      const now = this.membersOf(group.name).filter((i) => !i.lifecycle.startsWith('Terminating'));
      const still = imbalance(group, now);
      const subnet = still && group.subnets.find((s) => s.zone === still.to);
      if (!subnet || group.suspended.has('AZRebalance') || this.#failureOf(group, subnet)) return;
      this.#launch(group, subnet, 'an instance was started to rebalance Availability Zones', () =>
        this.#reconcileSoon(group.name),
      );
    });
  }

  #failureOf(group: EmbeddedGroup, subnet: Subnet): string | undefined {
    return this.#o.launchFailure?.(group.name, subnet.zone, this.templateOf(group).instanceType);
  }

  #launch(group: EmbeddedGroup, subnet: Subnet, cause: string, then = () => {}): EmbeddedInstance {
    const { random, clock } = this.#o;
    const override = group.overrides ? random.pick(group.overrides) : {};
    const { imageId, instanceType, template, launchConfiguration } = this.templateOf(group, override);
    const n = this.#addresses++;
    const privateIp = `10.0.${Math.floor(n / 250)}.${n % 250}`;
    const instance: EmbeddedInstance = {
      id: `i-${random.hex(17)}`,
      group: group.name,
      zone: subnet.zone,
      subnet: subnet.id,
      imageId,
      instanceType,
      ...(template ? { template } : {}),
      ...(launchConfiguration ? { launchConfiguration } : {}),
      ec2: 'pending',
      lifecycle: 'Pending',
      healthy: true,
      protectedFromScaleIn: false,
      launchedAt: clock.now(),
      privateIp,
      privateDnsName: `ip-${privateIp.replaceAll('.', '-')}.${this.description.region}.compute.internal`,
    };
    this.instances.set(instance.id, instance);
    subnet.freeAddresses--;
    const activity = this.#activity(group, `Launching a new EC2 instance: ${instance.id}`, cause);
    this.#after(durations.pendingToRunning, () => {
      if (instance.ec2 !== 'pending') return;
      instance.ec2 = 'running';
      this.#o.machineRoom.boot(this.#machine(group, instance));
      this.#hold(group, instance, 'autoscaling:EC2_INSTANCE_LAUNCHING', 'Pending:Wait', () =>
        this.#after(durations.runningToInService, () => {
          if (instance.lifecycle.startsWith('Terminat')) return;
          instance.lifecycle = 'InService';
          this.#succeeded(activity);
          this.#register(group, instance);
          then();
        }),
      );
    });
    return instance;
  }

  #terminate(instance: EmbeddedInstance, cause: string): Activity {
    const group = this.group(instance.group);
    const activity = this.#activity(group, `Terminating EC2 instance: ${instance.id}`, cause);
    if (instance.lifecycle.startsWith('Terminat')) return activity;
    instance.lifecycle = 'Terminating';
    this.#drained(group, instance, () =>
      this.#hold(group, instance, 'autoscaling:EC2_INSTANCE_TERMINATING', 'Terminating:Wait', () => {
        if (instance.ec2 === 'terminated') return;
        instance.ec2 = 'shutting-down';
        this.#halt(instance.id);
        this.#after(durations.shuttingDown, () => {
          this.#ended(instance);
          this.#succeeded(activity);
          this.#reconcileSoon(group.name);
        });
      }),
    );
    return activity;
  }

  /** With health check type ELB a group replaces an instance that its load balancers do not call healthy. */
  #lostTarget(id: string, balancer: string): void {
    const instance = this.instances.get(id);
    const group = instance && this.groups.get(instance.group);
    if (!group?.replacesUnhealthyTargets || instance?.lifecycle !== 'InService') return;
    if (![...group.targetGroups, ...group.classicLoadBalancers].includes(balancer)) return;
    instance.healthy = false;
    this.#reconcileSoon(group.name);
  }

  #halt(id: string): void {
    this.#o.machineRoom.halt(id);
    this.balancing.silent(id);
  }

  #ended(instance: EmbeddedInstance): void {
    instance.ec2 = 'terminated';
    instance.lifecycle = 'Terminated';
    instance.terminatedAt = this.#o.clock.now();
    const subnet = this.group(instance.group).subnets.find((s) => s.id === instance.subnet);
    if (subnet) subnet.freeAddresses++;
    this.balancing.forget(instance.id);
    for (const listener of this.#gone) listener(instance.id);
  }

  /** A lifecycle hook holds the instance until somebody completes it or its heartbeat runs out. */
  #hold(
    group: EmbeddedGroup,
    instance: EmbeddedInstance,
    transition: LifecycleHook['transition'],
    waiting: 'Pending:Wait' | 'Terminating:Wait',
    then: () => void,
  ): void {
    const hook = group.hooks.find((h) => h.transition === transition);
    if (!hook) {
      then();
      return;
    }
    instance.lifecycle = waiting;
    const finish = () => {
      cancel();
      this.#holds.delete(instance.id);
      instance.lifecycle = waiting === 'Pending:Wait' ? 'Pending:Proceed' : 'Terminating:Proceed';
      then();
    };
    const cancel = this.#after(hook.heartbeatSeconds * 1000, finish);
    this.#holds.set(instance.id, finish);
  }

  #register(group: EmbeddedGroup, instance: EmbeddedInstance): void {
    for (const balancer of [...group.targetGroups, ...group.classicLoadBalancers])
      this.balancing.register(balancer, instance.id);
  }

  /** The group takes the instance out of its own load balancers first, and waits until its connections have drained. */
  #drained(group: EmbeddedGroup, instance: EmbeddedInstance, then: () => void): void {
    const balancers = [...group.targetGroups, ...group.classicLoadBalancers];
    let left = balancers.length;
    if (left === 0) return then();
    for (const balancer of balancers)
      this.balancing.deregister(balancer, instance.id, () => {
        left--;
        if (left === 0) then();
      });
  }

  #machine(group: EmbeddedGroup, instance: EmbeddedInstance): Machine {
    const type = instanceTypes[instance.instanceType];
    return {
      instanceId: instance.id,
      zone: instance.zone,
      region: this.description.region,
      group: group.name,
      imageId: instance.imageId,
      instanceType: instance.instanceType,
      privateDnsName: instance.privateDnsName,
      privateIp: instance.privateIp,
      allocatable: {
        cpu: String(type?.cpu ?? 2),
        memory: `${type?.memoryMiB ?? 8192}Mi`,
        pods: String(maxPods(instance.instanceType)),
      },
      labels: group.labels,
      taints: group.taints,
    };
  }

  #activity(group: EmbeddedGroup, description: string, why: string): Activity {
    const { clock, random } = this.#o;
    const startedAt = clock.now();
    const activity: Activity = {
      id: random.uuid(),
      group: group.name,
      status: 'InProgress',
      description,
      cause: `At ${new Date(startedAt).toISOString()} ${why}.`,
      message: '',
      progress: 30,
      startedAt,
    };
    group.activities.unshift(activity);
    return activity;
  }

  #failedActivity(group: EmbeddedGroup, message: string): void {
    const activity = this.#activity(
      group,
      'Launching a new EC2 instance.  Status Reason: launch failed',
      'an instance was started in response to a difference between desired and actual capacity',
    );
    Object.assign(activity, { status: 'Failed', message, progress: 100, endedAt: this.#o.clock.now() });
  }

  #succeeded(activity: Activity): void {
    Object.assign(activity, { status: 'Successful', progress: 100, endedAt: this.#o.clock.now() });
  }
}
