import { matchesTerm } from '../../cluster/node-selection.ts';
import type { Pod, TopologySpreadConstraint } from '../../cluster/objects.ts';
import { untolerated } from '../../cluster/taints.ts';
import { selects } from './filters/pod-affinity.ts';
import { requestsOf } from './filters/resources.ts';
import { podsPerDomain } from './filters/topology-spread.ts';
import { capacityOf, usedOn } from './occupancy.ts';
import { labelOf, type NodeView, type Snapshot } from './snapshot.ts';

const known = new WeakMap<Pod, TopologySpreadConstraint[]>();

function spreadConstraints(pod: Pod): TopologySpreadConstraint[] {
  const found = known.get(pod) ?? constraintsOf(pod);
  known.set(pod, found);
  return found;
}

/** Spreads a workload that asks for nothing, as the scheduler's default constraints do. */
function constraintsOf(pod: Pod): TopologySpreadConstraint[] {
  const own = (pod.spec.topologySpreadConstraints ?? []).filter(
    (c) => c.whenUnsatisfiable === 'ScheduleAnyway',
  );
  if (own.length > 0 || !pod.metadata.labels) return own;
  const labelSelector = { matchLabels: pod.metadata.labels };
  return ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
    maxSkew: 3,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector,
  }));
}

/** How much the scheduler likes the node for the pod; weights as in the default profile (taints 3, spread 2, affinity 2, resources 1). */
export function scoreOf(pod: Pod, on: NodeView, snapshot: Snapshot): number {
  const avoided = untolerated(pod.spec, on.node.spec.taints ?? [], ['PreferNoSchedule']).length;
  return (
    300 * (avoided === 0 ? 1 : 0) +
    2 * spreadScore(pod, on, snapshot) +
    2 * affinityScore(pod, on, snapshot) +
    freeShare(pod, on)
  );
}

function spreadScore(pod: Pod, on: NodeView, snapshot: Snapshot): number {
  let score = 0;
  for (const constraint of spreadConstraints(pod)) {
    const counts = podsPerDomain(pod, constraint, snapshot);
    const most = mostOf(counts);
    score += 50 * (1 - (counts.get(labelOf(on, constraint.topologyKey) ?? '') ?? 0) / most);
  }
  return score;
}

const mosts = new WeakMap<ReadonlyMap<string, number>, number>();

function mostOf(counts: ReadonlyMap<string, number>): number {
  const found = mosts.get(counts) ?? Math.max(1, ...counts.values());
  mosts.set(counts, found);
  return found;
}

function affinityScore(pod: Pod, on: NodeView, snapshot: Snapshot): number {
  const { nodeAffinity, podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  let score = 0;
  for (const { weight, preference } of nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (matchesTerm(preference, on.node)) score += weight;
  }
  for (const [terms, sign] of [
    [podAffinity, 1],
    [podAntiAffinity, -1],
  ] as const) {
    for (const { weight, podAffinityTerm: term } of terms?.preferredDuringSchedulingIgnoredDuringExecution ??
      []) {
      const domain = labelOf(on, term.topologyKey);
      const near = snapshot.nodes
        .filter((n) => labelOf(n, term.topologyKey) === domain)
        .flatMap((n) => n.pods);
      score += sign * weight * near.filter((p) => selects(term, pod, p, snapshot)).length;
    }
  }
  return score;
}

/** LeastAllocated: the share of CPU and memory that stays free. */
function freeShare(pod: Pod, on: NodeView): number {
  const shares = ['cpu', 'memory'].map((name) => {
    const total = capacityOf(on)[name] ?? 0;
    const used = (usedOn(on)[name] ?? 0) + (requestsOf(pod)[name] ?? 0);
    return total > 0 ? Math.max(0, 1 - used / total) : 0;
  });
  return 50 * shares.reduce((a, b) => a + b, 0);
}
