import { budgetsOf } from '../cluster/budgets.ts';
import type { Deployment, Pod, StatefulSet } from '../cluster/objects.ts';
import { isReady, isTerminating, ownerOf } from '../cluster/pods.ts';
import { scaled } from '../cluster/quantities.ts';
import type { Workloads } from './workloads.ts';

/** What tells which pods serve together, and how many of them are needed. */
export type Owners = Pick<Workloads, 'budgets' | 'replicaSets' | 'deployments' | 'statefulSets'>;

/** The pods that serve together: those of a Deployment, of a StatefulSet, or of whatever else owns them. */
export interface Team {
  key: string;
  /** For people: `Deployment shop/web`. */
  name: string;
  /** As many as there should be. */
  replicas: number;
  /** How many of them may be away at once. */
  mayMiss: number;
}

/**
 * The team of a pod that no budget protects; undefined for a pod with a budget, of a Job, without an owner, or alone. What a
 * budget would say its rolling update does: as many may be away as an update would take, at least one, and never all.
 * @param present how many pods a team has; for owners that do not say how many there should be
 */
export function teamOf(
  pod: Pod,
  owners: Owners,
  present: (key: string) => number = () => 0,
): Team | undefined {
  const owner = ownerOf(pod);
  if (!owner || owner.kind === 'Job' || budgetsOf(pod, owners.budgets).length > 0) return undefined;
  const key = teamKeys(owners)(pod);
  const deployment = owners.deployments.find((d) => d.metadata.uid === key);
  const set = [...owners.statefulSets, ...owners.replicaSets].find((w) => w.metadata.uid === key);
  const replicas = (deployment ?? set)?.spec.replicas ?? present(key);
  if (replicas < 2) return undefined;
  const allowed = deployment ? missOfUpdate(deployment, replicas) : missOfSet(set, replicas);
  const { kind, name } = deployment ? { kind: 'Deployment', name: deployment.metadata.name } : owner;
  return {
    key,
    name: `${kind} ${pod.metadata.namespace}/${name}`,
    replicas,
    mayMiss: Math.max(1, Math.min(allowed, replicas - 1)),
  };
}

/** The UID of the Deployment behind a pod, or else of its owner. */
function teamKeys({ replicaSets, deployments }: Owners): (pod: Pod) => string {
  const known = new Set(deployments.map((d) => d.metadata.uid));
  const parents = new Map(
    replicaSets.flatMap(({ metadata: { uid, ownerReferences } }) => {
      const parent = ownerReferences?.find((o) => o.controller)?.uid;
      return parent && known.has(parent) ? [[uid ?? '', parent] as const] : [];
    }),
  );
  return (pod) => {
    const uid = ownerOf(pod)?.uid ?? '';
    return parents.get(uid) ?? uid;
  };
}

/** https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable: 25 % unless said otherwise, rounded down. */
const missOfUpdate = ({ spec: { strategy } }: Deployment, replicas: number): number =>
  strategy?.type === 'Recreate'
    ? 1
    : scaled(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, 'down');

/** https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#maximum-unavailable-pods: one unless said otherwise. */
const missOfSet = (set: { spec: object } | undefined, replicas: number): number =>
  scaled(
    (set?.spec as StatefulSet['spec'] | undefined)?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1,
    replicas,
    'down',
  );

/** A pod that must wait for others of its team, and why. */
export interface HeldBack {
  uid: string;
  why: string;
}

/**
 * Of pods that could be evicted now, those that must wait until another of their team is ready. A pod that is not ready need
 * not wait: nobody is served by it. A team that has never been whole is measured by the most that were ready.
 * @param pods all that may be of a team of these
 * @param most the most ready pods of each team so far; kept up to date
 */
export function heldBack(
  due: readonly Pod[],
  pods: readonly Pod[],
  owners: Owners,
  most: Map<string, number>,
): HeldBack[] {
  const keyOf = teamKeys(owners);
  const present = new Map<string, number>();
  const ready = new Map<string, number>();
  const add = (counts: Map<string, number>, key: string, n: number) =>
    counts.set(key, (counts.get(key) ?? 0) + n);
  for (const pod of pods) {
    const key = keyOf(pod);
    add(present, key, 1);
    if (isReady(pod) && !isTerminating(pod)) add(ready, key, 1);
  }
  for (const [key, n] of ready) most.set(key, Math.max(n, most.get(key) ?? 0));
  return due.flatMap((pod) => {
    const team = isReady(pod) ? teamOf(pod, owners, (key) => present.get(key) ?? 0) : undefined;
    if (!team) return [];
    const { key, name, replicas, mayMiss } = team;
    const left = ready.get(key) ?? 0;
    const least = Math.max(1, Math.min(replicas, most.get(key) ?? 0) - mayMiss);
    if (left > least) {
      ready.set(key, left - 1);
      return [];
    }
    const why = `${name} has no budget and keeps ${least} of ${replicas} ready; this pod leaves when one more is (without-budget: careful)`;
    return [{ uid: pod.metadata.uid ?? '', why }];
  });
}
