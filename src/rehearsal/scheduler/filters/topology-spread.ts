import { matchesNodeSelection } from '../../../cluster/node-selection.ts';
import type { Pod, TopologySpreadConstraint } from '../../../cluster/objects.ts';
import { isTerminating } from '../../../cluster/pods.ts';
import { matchesSelector } from '../../../cluster/selectors.ts';
import { untolerated } from '../../../cluster/taints.ts';
import { placedIn, totalPlaced } from '../occupancy.ts';
import { type Filter, labelOf, type NodeView, type Snapshot } from '../snapshot.ts';

/**
 * DoNotSchedule constraints. Tainted and cordoned nodes count as domains unless nodeTaintsPolicy says otherwise: the trap of
 * a rolling upgrade (https://github.com/kubernetes/kubernetes/issues/106127).
 */
export const topologySpread: Filter = (pod, on, snapshot) => {
  for (const constraint of pod.spec.topologySpreadConstraints ?? []) {
    if (constraint.whenUnsatisfiable !== 'DoNotSchedule') continue;
    const domain = labelOf(on, constraint.topologyKey);
    if (domain === undefined)
      return "node(s) didn't match pod topology spread constraints (missing required label)";
    const counts = podsPerDomain(pod, constraint, snapshot);
    const enough = counts.size >= (constraint.minDomains ?? 1);
    const fewest = enough ? Math.min(...counts.values()) : 0;
    const self = matchesSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
    if ((counts.get(domain) ?? 0) + self - fewest > constraint.maxSkew)
      return "node(s) didn't match pod topology spread constraints";
  }
  return undefined;
};

/** The last answer per constraint: every node of a decision asks the same. */
const answered = new WeakMap<
  TopologySpreadConstraint,
  { pod: Pod; snapshot: Snapshot; placed: number; counts: Map<string, number> }
>();

/** Matching pods per domain, over the nodes that the constraint looks at. */
export function podsPerDomain(
  pod: Pod,
  constraint: TopologySpreadConstraint,
  snapshot: Snapshot,
): ReadonlyMap<string, number> {
  const last = answered.get(constraint);
  const placed = totalPlaced(snapshot);
  if (last && last.pod === pod && last.snapshot === snapshot && last.placed === placed) return last.counts;
  const counts = count(pod, constraint, snapshot);
  answered.set(constraint, { pod, snapshot, placed, counts });
  return counts;
}

function count(pod: Pod, constraint: TopologySpreadConstraint, snapshot: Snapshot): Map<string, number> {
  const counts = new Map<string, number>();
  const views = new Set<NodeView>();
  for (const view of snapshot.nodes) {
    const domain = labelOf(view, constraint.topologyKey);
    if (domain === undefined || !counted(pod, constraint, view)) continue;
    views.add(view);
    counts.set(domain, counts.get(domain) ?? 0);
  }
  for (const { pod: other, view } of placedIn(snapshot, pod.metadata.namespace ?? '')) {
    if (!views.has(view) || isTerminating(other)) continue;
    if (!matchesSelector(constraint.labelSelector, other.metadata.labels)) continue;
    const domain = labelOf(view, constraint.topologyKey) ?? '';
    counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  return counts;
}

function counted(pod: Pod, constraint: TopologySpreadConstraint, { node }: NodeView): boolean {
  if (constraint.nodeAffinityPolicy !== 'Ignore' && !matchesNodeSelection(pod.spec, node)) return false;
  return (
    constraint.nodeTaintsPolicy !== 'Honor' ||
    untolerated(pod.spec, node.spec.taints ?? [], ['NoSchedule', 'NoExecute']).length === 0
  );
}
