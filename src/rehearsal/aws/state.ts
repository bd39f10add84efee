import type { CreateLaunchConfigurationType, InstancesDistribution } from '@aws-sdk/client-auto-scaling';
import type { LifecycleState } from '../../cluster/ports.ts';

/** What a launch template version says. */
export interface TemplateVersion {
  imageId: string;
  instanceType: string;
  description?: string;
  /** Devices that are made from snapshots. */
  snapshots?: string[];
  /** Its number stays taken. */
  deleted?: boolean;
}

export interface LaunchConfiguration {
  name: string;
  imageId: string;
  instanceType: string;
  /** What else it says, in the words of the API. */
  settings?: Partial<CreateLaunchConfigurationType>;
}

export interface EmbeddedImage {
  id: string;
  name: string;
  createdAt: number;
  /** x86_64 unless it says otherwise. */
  architecture?: 'x86_64' | 'arm64';
  /** available unless it says otherwise. */
  state?: 'pending' | 'available' | 'failed';
  /** Amazon's unless it is the account's own. */
  own?: boolean;
}

export interface LaunchTemplate {
  id: string;
  name: string;
  /** Version numbers count from 1. */
  versions: TemplateVersion[];
  defaultVersion: number;
}

export interface Subnet {
  id: string;
  zone: string;
  freeAddresses: number;
}

export interface LifecycleHook {
  name: string;
  transition: 'autoscaling:EC2_INSTANCE_LAUNCHING' | 'autoscaling:EC2_INSTANCE_TERMINATING';
  heartbeatSeconds: number;
  defaultResult: 'CONTINUE' | 'ABANDON';
}

export interface EmbeddedInstance {
  id: string;
  group: string;
  zone: string;
  subnet: string;
  imageId: string;
  instanceType: string;
  template?: { id: string; name: string; version: string };
  launchConfiguration?: string;
  ec2: 'pending' | 'running' | 'shutting-down' | 'terminated';
  lifecycle: LifecycleState;
  healthy: boolean;
  protectedFromScaleIn: boolean;
  launchedAt: number;
  terminatedAt?: number;
  privateIp: string;
  privateDnsName: string;
}

export interface Activity {
  id: string;
  group: string;
  status: 'InProgress' | 'Successful' | 'Failed' | 'WaitingForInstanceWarmup';
  description: string;
  cause: string;
  message: string;
  progress: number;
  startedAt: number;
  endedAt?: number;
}

/** Without an instance type it goes by attributes, and the type of the template stands for what they find. */
export interface Override {
  instanceType?: string;
  template?: { id: string; version: string };
  weight?: string;
}

export interface EmbeddedGroup {
  name: string;
  min: number;
  max: number;
  desired: number;
  subnets: Subnet[];
  /** Version as the group has it: a number, `$Latest` or `$Default`. */
  template?: { id: string; version: string };
  launchConfiguration?: string;
  /** A mixed instances policy: one of these is chosen for each launch, with the template of the group or one of its own. */
  overrides?: Override[];
  /** How the policy mixes On-Demand and Spot; kept, and of no effect here. */
  distribution?: InstancesDistribution;
  suspended: Set<string>;
  /** An instance refresh that somebody has started. */
  refreshing?: boolean;
  tags: Map<string, string>;
  targetGroups: string[];
  classicLoadBalancers: string[];
  /** Health check type ELB: an instance that is not healthy in its load balancers, or no longer in them, is replaced. */
  replacesUnhealthyTargets?: boolean;
  hooks: LifecycleHook[];
  /** What the bootstrap arguments of its nodes set. */
  labels: Record<string, string>;
  taints: { key: string; value?: string; effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' }[];
  /** Newest first. */
  activities: Activity[];
}

/** What the embedded account starts with. */
export interface AwsDescription {
  region: string;
  accountId: string;
  cluster: string;
  templates: LaunchTemplate[];
  launchConfigurations: LaunchConfiguration[];
  images: EmbeddedImage[];
  groups: Omit<EmbeddedGroup, 'activities' | 'suspended'>[];
  /** The AMI that SSM names as recommended. */
  recommendedImage: string;
  /** Other SSM parameters. */
  parameters?: Record<string, string>;
  /** Kubernetes minor of the cluster, for example `1.36`. */
  version: string;
}

/** An error as AWS words it. */
export class AwsRefusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Known instance types: what fits on them and how many network interfaces they have. */
export const instanceTypes: Record<
  string,
  { cpu: number; memoryMiB: number; interfaces: number; addresses: number }
> = {
  'm5.large': { cpu: 2, memoryMiB: 8192, interfaces: 3, addresses: 10 },
  'm5.xlarge': { cpu: 4, memoryMiB: 16384, interfaces: 4, addresses: 15 },
  'r5.large': { cpu: 2, memoryMiB: 16384, interfaces: 3, addresses: 10 },
};

/** Pods per node by the VPC CNI's formula. */
export function maxPods(type: string): number {
  const known = instanceTypes[type];
  return known ? known.interfaces * (known.addresses - 1) + 2 : 29;
}
