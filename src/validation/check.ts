import type { Member } from '../cluster/members.ts';
import type {
  DaemonSet,
  Deployment,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  StatefulSet,
} from '../cluster/objects.ts';
import type { Group } from '../cluster/ports.ts';

export type Phase = 'preflight' | 'between' | 'postflight';

/** What one check found about one thing. `unknown` means that it could not be read, and is never passed. */
export interface Finding {
  status: 'passed' | 'failed' | 'warning' | 'unknown' | 'not-applicable';
  /** What it is about, for example `Node ip-10-0-0-1`; the same thing has the same name in every run. */
  about: string;
  /** What was found, what was expected, and what to do next. */
  message: string;
}

/** Everything the checks look at, read once. A part that could not be read is an Unreadable. */
export interface ClusterView {
  nodes: Node[] | Unreadable;
  pods: Pod[] | Unreadable;
  budgets: PodDisruptionBudget[] | Unreadable;
  deployments: Deployment[] | Unreadable;
  replicaSets: ReplicaSet[] | Unreadable;
  statefulSets: StatefulSet[] | Unreadable;
  daemonSets: DaemonSet[] | Unreadable;
  groups: Group[] | Unreadable;
  members: Member[] | Unreadable;
  /** Groups with an instance refresh running. */
  refreshing: string[] | Unreadable;
}

export interface Unreadable {
  unreadable: string;
}

/** One check: a value, in a file of its own under `checks/`, named in `checks/index.ts`. */
export interface Check {
  id: string;
  title: string;
  phases: readonly Phase[];
  /** The parts of the view it needs; when one cannot be read the check is unknown. */
  needs: readonly (keyof ClusterView)[];
  /** Findings that are not passed; none means passed. Called only when all parts could be read. */
  run(view: ReadableView): Finding[];
}

export type ReadableView = { [K in keyof ClusterView]: Exclude<ClusterView[K], Unreadable> };

export const isUnreadable = (part: unknown): part is Unreadable =>
  typeof part === 'object' && part !== null && 'unreadable' in part;

export const failed = (about: string, message: string): Finding => ({ status: 'failed', about, message });
export const warning = (about: string, message: string): Finding => ({ status: 'warning', about, message });
