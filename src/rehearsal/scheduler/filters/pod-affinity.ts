import type { Pod, PodAffinityTerm } from '../../../cluster/objects.ts';
import { matchesSelector } from '../../../cluster/selectors.ts';
import { repelling } from '../occupancy.ts';
import { type Filter, labelOf, type NodeView, type Snapshot } from '../snapshot.ts';

/** Required affinity and anti-affinity, with the anti-affinity of the pods that are already there. */
export const podAffinity: Filter = (pod, on, snapshot) => {
  const { podAffinity: together, podAntiAffinity: apart } = pod.spec.affinity ?? {};
  for (const term of together?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    // The first pod of a group that attracts itself may start anywhere.
    const first =
      selects(term, pod, pod, snapshot) &&
      !snapshot.nodes.some((n) => n.pods.some((p) => selects(term, pod, p, snapshot)));
    if (!first && !inDomain(term, on, snapshot, (p) => selects(term, pod, p, snapshot)))
      return "node(s) didn't match pod affinity rules";
  }
  for (const term of apart?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (inDomain(term, on, snapshot, (p) => selects(term, pod, p, snapshot)))
      return "node(s) didn't match pod anti-affinity rules";
  }
  const repelled = repelling(snapshot).some(({ pod: other, view }) =>
    (other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
      (term) =>
        selects(term, other, pod, snapshot) &&
        labelOf(view, term.topologyKey) !== undefined &&
        labelOf(view, term.topologyKey) === labelOf(on, term.topologyKey),
    ),
  );
  return repelled ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined;
};

/** Whether a term of `owner` selects `candidate`. */
export function selects(term: PodAffinityTerm, owner: Pod, candidate: Pod, snapshot: Snapshot): boolean {
  if (!matchesSelector(term.labelSelector, candidate.metadata.labels)) return false;
  const namespace = candidate.metadata.namespace ?? '';
  const named = term.namespaces ?? (term.namespaceSelector ? [] : [owner.metadata.namespace ?? '']);
  if (named.includes(namespace)) return true;
  const labels = snapshot.namespaces.find((n) => n.name === namespace)?.labels;
  return term.namespaceSelector !== undefined && matchesSelector(term.namespaceSelector, labels);
}

function inDomain(
  term: PodAffinityTerm,
  on: NodeView,
  snapshot: Snapshot,
  found: (pod: Pod) => boolean,
): boolean {
  const domain = labelOf(on, term.topologyKey);
  return (
    domain !== undefined &&
    snapshot.nodes.some((view) => labelOf(view, term.topologyKey) === domain && view.pods.some(found))
  );
}
