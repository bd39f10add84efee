import type { Duplex } from 'node:stream';
import type { LaunchImages } from './images.ts';
import type { ObjectOf, Resource } from './resources.ts';

/** Names one object; cluster-scoped objects have no namespace. */
export interface Ref {
  namespace?: string | undefined;
  name: string;
}

export interface ListQuery {
  namespace?: string;
  /** As in the API: `app=web,tier!=cache`. */
  labelSelector?: string;
  /** As in the API: `spec.nodeName=ip-10-0-0-1`. */
  fieldSelector?: string;
  /** From the API server itself, not from what a watch has told (src/cluster/watched.ts): for what cannot be undone. */
  fresh?: boolean;
}

export interface ListOf<T> {
  items: T[];
  resourceVersion: string;
}

export type Patch =
  | { type: 'merge'; body: object }
  | { type: 'strategic'; body: object }
  | { type: 'json'; body: { op: string; path: string; value?: unknown }[] };

export type WatchEvent<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T };

/**
 * What the Eviction API answered, by what the caller should do about it.
 * Source: pkg/registry/core/pod/storage/eviction.go and https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 */
export type EvictionAnswer =
  /** 200/201: the pod got its deletion timestamp (or would get it, in a dry run). */
  | { kind: 'accepted' }
  /** 404, or 409 on the UID precondition: this very pod is no longer there. */
  | { kind: 'gone' }
  /** 429 with cause DisruptionBudget: the budget allows none right now. */
  | { kind: 'budget'; message: string; retryAfterSeconds?: number }
  /** 429 without that cause, or a 5xx that is not about budgets: the API server asks for patience. */
  | { kind: 'busy'; message: string; retryAfterSeconds?: number }
  /** 500 because several PDBs select the pod: will never succeed by waiting. */
  | { kind: 'several-budgets'; message: string }
  /** 403 while the namespace is being deleted: the pod goes away by itself. */
  | { kind: 'namespace-terminating'; message: string }
  /** Anything else the server refused. */
  | { kind: 'refused'; status: number; message: string };

/** An answer of the Kubernetes API that is not a success. `reason` is the API's own, for example `Conflict`. */
export class KubernetesError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly causes: { reason?: string; message?: string; field?: string }[];
  readonly retryAfterSeconds: number | undefined;
  constructor(
    status: number,
    reason: string,
    message: string,
    causes: KubernetesError['causes'] = [],
    retryAfterSeconds?: number,
  ) {
    super(message);
    this.name = 'KubernetesError';
    this.status = status;
    this.reason = reason;
    this.causes = causes;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * The Kubernetes API as the domain needs it. Reads and idempotent writes retry throttling (429) and server errors (5xx)
 * inside, a bounded number of times; what is thrown is a KubernetesError, or the signal's reason when aborted.
 */
export interface Kubernetes {
  /** Undefined when there is no such object. */
  get<R extends Resource>(resource: R, ref: Ref): Promise<ObjectOf[R] | undefined>;
  /** All pages. Items carry apiVersion and kind. */
  list<R extends Resource>(resource: R, query?: ListQuery): Promise<ListOf<ObjectOf[R]>>;
  /** One with a name is sent again when the first answer got lost: a 409 AlreadyExists may be its own. */
  create<R extends Resource>(resource: R, object: ObjectOf[R]): Promise<ObjectOf[R]>;
  /** Replaces the object; with metadata.resourceVersion it fails with 409 when somebody was faster. */
  update<R extends Resource>(resource: R, object: ObjectOf[R]): Promise<ObjectOf[R]>;
  patch<R extends Resource>(resource: R, ref: Ref, patch: Patch): Promise<ObjectOf[R]>;
  /** False when it was already gone (404, or another object with the same name under a uid precondition). */
  remove(
    resource: Resource,
    ref: Ref,
    options?: { uid?: string; resourceVersion?: string; gracePeriodSeconds?: number },
  ): Promise<boolean>;
  evict(
    pod: { namespace: string; name: string; uid: string },
    options?: { dryRun?: boolean; gracePeriodSeconds?: number },
  ): Promise<EvictionAnswer>;
  /**
   * Starts with the present objects as ADDED, then what changes; survives reconnects and expired versions by listing again.
   * Ends when the signal is aborted. Throws a KubernetesError when it is not allowed (403).
   * @param synced called when the present objects have all been taken
   */
  watch<R extends Resource>(
    resource: R,
    query: ListQuery,
    signal: AbortSignal,
    synced?: () => void,
  ): AsyncIterable<WatchEvent<ObjectOf[R]>>;
  /** A byte stream to a port of the pod. The stream fails with an error that names the pod and port. */
  portForward(pod: { namespace: string; name: string }, port: number): Promise<Duplex>;
  /** SelfSubjectAccessReview. */
  canI(access: {
    verb: string;
    resource: string;
    group?: string;
    subresource?: string;
    namespace?: string;
  }): Promise<boolean>;
  /** For example `{ major: '1', minor: '36', gitVersion: 'v1.36.2-eks-1' }`. */
  version(): Promise<{ major: string; minor: string; gitVersion: string }>;
}

/** An answer of AWS that is not a success, after the SDK's own retries. `code` is AWS's, for example `ValidationError`. */
export class AwsError extends Error {
  readonly code: string;
  readonly operation: string;
  constructor(operation: string, code: string, message: string) {
    super(`${operation}: ${code}: ${message}`);
    this.name = 'AwsError';
    this.operation = operation;
    this.code = code;
  }
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html */
export type LifecycleState =
  | 'Pending'
  | 'Pending:Wait'
  | 'Pending:Proceed'
  | 'InService'
  | 'EnteringStandby'
  | 'Standby'
  | 'Detaching'
  | 'Detached'
  | 'Terminating'
  | 'Terminating:Wait'
  | 'Terminating:Proceed'
  | 'Terminated'
  | 'Quarantined'
  | `Warmed:${string}`;

export interface GroupInstance {
  id: string;
  zone: string;
  lifecycle: LifecycleState;
  healthy: boolean;
  protectedFromScaleIn: boolean;
  instanceType?: string;
  /** What it was launched from, as the group remembers it; absent when the group no longer knows. */
  template?: { id?: string; name?: string; version: string };
  launchConfiguration?: string;
}

/** What an instance is launched from. */
export interface LaunchTarget {
  template?: { id: string; name: string; version: string };
  launchConfiguration?: string;
  imageId: string;
  instanceTypes: string[];
  /** Devices that it makes from snapshots; absent when there are none. */
  snapshots?: string[];
}

/** A launch template as a group names it: the version is a number, `$Latest` or `$Default`. */
export interface TemplateChoice {
  LaunchTemplateId: string;
  Version: string;
}

/** A MixedInstancesPolicy in AWS's own words; what is not named here is kept as it was read. */
export interface MixedPolicy {
  LaunchTemplate: {
    LaunchTemplateSpecification: TemplateChoice;
    Overrides?: { LaunchTemplateSpecification?: TemplateChoice; [other: string]: unknown }[];
  };
  [other: string]: unknown;
}

/**
 * What a group is set to launch from, unresolved: plain JSON, fit for the journal, and taken back by `launchFrom` exactly.
 * Templates go by id, since AWS refuses id and name together.
 */
export type LaunchSource =
  | { kind: 'template'; template: TemplateChoice }
  | { kind: 'configuration'; name: string }
  | { kind: 'mixed'; policy: MixedPolicy };

/** What sends requests to instances: target groups (by ARN) whose targets are instances, and classic load balancers (by name). */
export interface Balancers {
  targetGroups: string[];
  classicLoadBalancers: string[];
}

/** What a load balancer says of one instance. */
export interface TargetHealth {
  /** The ARN of the target group, or the name of the classic load balancer. */
  id: string;
  /** The name of either, fit for logs. */
  loadBalancer: string;
  instanceId: string;
  /** `initial`, `healthy`, `unhealthy`, `draining`, `unused`, `unavailable`; as elbv2 names them, for classic ones too. */
  state: string;
}

/** An Auto Scaling Group, with `$Latest`, `$Default` and SSM images resolved into `target`. */
export interface Group extends Balancers {
  name: string;
  min: number;
  max: number;
  desired: number;
  zones: string[];
  /** Subnet per zone, from VPCZoneIdentifier. */
  subnets: { id: string; zone: string; freeAddresses: number }[];
  instances: GroupInstance[];
  /** Names of suspended scaling processes, for example `AZRebalance`. */
  suspended: string[];
  tags: Record<string, string>;
  /** Whether it replaces an instance that its load balancers do not call healthy (health check type ELB). */
  replacesUnhealthyTargets?: boolean;
  /** What a new instance would be launched from. */
  target: LaunchTarget;
  /**
   * The overrides of a mixed instances policy that have a template of their own; one without an instance type goes by
   * attributes (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-mixed-instances-groups-launch-template-overrides.html).
   */
  overrides?: { instanceType?: string; target: LaunchTarget }[];
  /** False for spot or mixed groups, weighted capacity and warm pools, where LaunchInstances is refused by AWS. */
  canLaunchInZone: boolean;
  /** Its sizes are vCPUs, memory or weights of instance types, not instances. */
  countsUnits: boolean;
}

/** One EC2 instance as EC2 sees it. */
export interface Instance {
  id: string;
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
  imageId: string;
  instanceType: string;
  zone: string;
  privateDnsName: string;
  launchedAt: number;
}

export interface ScalingActivity {
  id: string;
  status: string;
  /** Empty unless it failed or waits. */
  reason: string;
  cause: string;
  description: string;
  startedAt: number;
  /** Absent while it goes on. */
  endedAt?: number;
  progress: number;
}

/** What came of asking for new instances. */
export type LaunchAnswer =
  /** LaunchInstances answers at once with ids, others are only known to be coming. */
  { kind: 'launched'; instanceIds: string[] } | { kind: 'refused'; code: string; message: string };

/** Groups by name, or all that carry every given tag (value `*` means any value). */
export type GroupSelection = { names: string[] } | { tags: Record<string, string> };

/** How new an answer must be (src/cluster/remembered.ts). */
export interface HowNew {
  /** From AWS itself: for what cannot be undone. */
  fresh?: boolean;
  /** What is known from elsewhere: an answer from before that changed is too old. */
  asOf?: string;
}

/** AWS as the domain needs it; every call retries throttling inside. What is thrown is an AwsError. */
export interface Aws extends LaunchImages {
  /** Unknown names are left out. */
  groups(select: GroupSelection, options?: HowNew): Promise<Group[]>;
  /** EC2's view; ids that EC2 no longer knows are left out. */
  instances(ids: readonly string[]): Promise<Instance[]>;
  /** Newest first, since the given epoch milliseconds. */
  activities(group: string, since: number): Promise<ScalingActivity[]>;
  /** Only the given numbers are changed. Never lower desired with it: AWS would choose the victim. */
  resize(group: string, size: { min?: number; max?: number; desired?: number }): Promise<void>;
  /** What the group is set to launch from, with `$Latest` and `$Default` as they are. */
  launchSource(group: string): Promise<LaunchSource>;
  /** What a group set to this would launch now; undefined when a template, a version or a parameter of it is gone. */
  launchesOf(source: LaunchSource): Promise<Pick<Group, 'target' | 'overrides'> | undefined>;
  /** UpdateAutoScalingGroup: new instances come from this; those that run stay. */
  launchFrom(group: string, source: LaunchSource): Promise<void>;
  /** LaunchInstances: raises desired and launches in that zone. Synchronous in its answer, idempotent by token. */
  launch(group: string, request: { zone: string; count: number; token: string }): Promise<LaunchAnswer>;
  /** TerminateInstanceInAutoScalingGroup; true also when it is already terminating or gone. */
  terminate(instanceId: string, options: { decrement: boolean }): Promise<void>;
  suspend(group: string, processes: readonly string[]): Promise<void>;
  resume(group: string, processes: readonly string[]): Promise<void>;
  /** The load balancers with these DNS names, as far as their targets are instances. Unknown names are left out. */
  balancersAt(dnsNames: readonly string[]): Promise<Balancers>;
  /** Every target of these; an instance that is no longer one is `unused` or left out. */
  targetHealth(balancers: Balancers): Promise<TargetHealth[]>;
  /** Takes the instance out of each of these; it is `draining` for a while. Harmless when it is out already. */
  deregister(instanceId: string, from: Balancers): Promise<void>;
  /** Has each of these send requests to the instance. */
  register(instanceId: string, to: Balancers): Promise<void>;
  /** Whether an instance refresh is running on the group, by anyone. */
  refreshInProgress(group: string): Promise<boolean>;
}
