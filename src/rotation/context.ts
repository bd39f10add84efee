import type { Clock } from '../clock.ts';
import type { Aws, GroupSelection, Kubernetes } from '../cluster/ports.ts';
import type { Journal } from '../journal/journal.ts';
import type { Guard } from './gate.ts';
import type { Self } from './not-yet.ts';
import type { WaveLimits } from './plan.ts';

export interface Timeouts {
  /** A new node: from the request to ready with its DaemonSets. */
  node: number;
  /** The pods of a wave: until all have left. */
  drain: number;
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
  onFailure: 'restore' | 'keep';
  intervalMs: number;
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
  /** Set while rolling back: what was there when the rotation was planned stays. */
  keptUntil?: number | undefined;
}

/** The key of every taint that the suite sets; the value is the run id. */
export const taintKey = 'eks-rolling';
