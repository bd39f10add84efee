import type { Clock } from '../clock.ts';
import type { Aws, GroupSelection, Kubernetes } from '../cluster/ports.ts';
import type { Journal } from '../journal/journal.ts';
import type { Guard } from './gate.ts';
import type { Self } from './not-yet.ts';
import type { WaveLimits } from './plan.ts';
import type { RolloutSurge } from './surge-decision.ts';

export interface Timeouts {
  /** A new node: from the request to ready with its DaemonSets. */
  node: number;
  /** A pod that has to leave: how long its eviction may be refused, or how long it may take to end by itself. */
  drain: number;
  /** A pod that was told to end: how long it may take. One that hangs beyond its own grace is not waited for. */
  grace: number;
  /** The additional replica of a Deployment: until it serves; and until its old count is safe without the node. */
  rollout: number;
  /** A node that leaves its load balancers: until they let go of it, and then until its connections have ended. */
  deregistration: number;
  volume: number;
  terminate: number;
  gate: number;
}

export interface RotationSettings extends WaveLimits {
  select: GroupSelection;
  /** The group that takes the place of all others that are selected; undefined when each keeps its own. */
  into?: string | undefined;
  /** Replace nodes that run what they should, too: all of them, or those that are older. */
  replace: { force: boolean; maxAgeMs?: number | undefined };
  /** The image that every node shall run: an id, an SSM parameter or `recommended`; without it what the groups launch. */
  ami?: string | undefined;
  /** `auto`, `none` or `namespace/name`. */
  clusterAutoscaler: string;
  /** Whether pods of Jobs, and pods that ask not to be disrupted, are left to end by themselves. */
  jobs: 'wait' | 'evict';
  protectedPods: 'wait' | 'evict';
  /** Which Deployments get one replica more before a pod of theirs leaves. */
  rolloutSurge: RolloutSurge;
  /** Whether pods that no budget selects leave a few at a time, as a rolling update would take them, or all at once. */
  withoutBudget: 'careful' | 'all-at-once';
  /** What happens when a pod has been blocked for all of drain-timeout. */
  onBlocked: 'fail' | 'skip' | 'force';
  /** Only pods that have not been ready for at least this long are deleted by `onBlocked: force`. */
  forceUnreadyMs: number;
  /** How many healthy targets, or how many of them in percent, each load balancer keeps when a node leaves it. */
  minHealthyTargets: number | string;
  onFailure: 'restore' | 'keep';
  intervalMs: number;
  /** Whether control-plane groups of kops are rolled, before all others; undefined when they are left alone. */
  controlPlane?: 'roll' | undefined;
  /** How long etcd and the API server of a new control-plane node must have been ready before the next one leaves. */
  controlPlaneIntervalMs: number;
  /** How long drained nodes stay, tainted and empty, before they are terminated. */
  soakMs: number;
  /** How long the step may take; no wave begins that would not end in time. */
  timeBudgetMs: number;
  /** How long an additional replica serves before the old one leaves: load balancers learn of it late. */
  settleMs: number;
  requiredPasses: number;
  timeouts: Timeouts;
}

/** What every step of a rotation is handed. */
export interface Context {
  kubernetes: Kubernetes;
  aws: Aws;
  clock: Clock;
  signal: AbortSignal;
  journal: Journal;
  settings: RotationSettings;
  guard: Guard;
  say: (line: string) => void;
  self: Self;
  /** When the AWS credentials end, in epoch milliseconds, once it is known that they cannot be renewed. */
  credentialsLastUntil?: (() => number | undefined) | undefined;
  /** Folds the lines that follow under this title, until the next one; without a title no more. Absent where nothing folds. */
  fold?: ((title?: string) => void) | undefined;
  /** How long the steps of the present wave should take, by the forecast. */
  expected?: Partial<Timeouts> | undefined;
  /** Resolves at the next change in the cluster, for waits. */
  changed: () => Promise<unknown>;
  /** Instances launched before this moment are outdated whatever they run: from the plan. */
  launchedBefore?: number | undefined;
  /** The group that takes the place of all others: from the plan. */
  into?: string | undefined;
  /** Set while the control plane is rolled: its groups are looked at in the place of all others. */
  controlPlane?: boolean | undefined;
  /** Set while rolling back: what was there when the rotation was planned stays. */
  keptUntil?: number | undefined;
}

/** The key of every taint that the suite sets; the value is the run id. */
export const taintKey = 'eks-rolling';
