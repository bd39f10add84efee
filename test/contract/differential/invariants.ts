import type { Pod, PodDisruptionBudget, Taint } from '../../../src/cluster/objects.ts';
import { isReady } from '../../../src/cluster/pods.ts';
import type { Machine } from '../../../src/rehearsal/world/machine.ts';
import { hasTwin } from './random-budgets.ts';
import { appOf, type View } from './view.ts';
import type { Workload, World } from './world.ts';

/**
 * What holds in Kubernetes by definition, computed here from the objects alone, so that the embedded cluster cannot be wrong
 * in the same way. Every string names one thing that does not hold.
 */
export function broken(
  view: View,
  before: View | undefined,
  world: World,
  uneven: ReadonlySet<string>,
): string[] {
  return [
    ...crowded(view.pods, world),
    ...world.workloads.flatMap((workload) => lopsided(workload, view, uneven)),
    ...view.pods.flatMap((pod) => misplaced(pod, view, before)),
    ...view.poddisruptionbudgets.flatMap((budget) => miscounted(budget, view)),
  ];
}

/** What no moment may show: nodes with more than they can hold, and neighbours that rule each other out. */
export function crowded(pods: Pod[], world: World): string[] {
  return [
    ...world.machines.flatMap((machine) => overfull(machine, pods)),
    ...world.workloads.flatMap((workload) => sharing(workload, pods)),
  ];
}

function overfull({ privateDnsName: name, allocatable }: Machine, all: Pod[]): string[] {
  const pods = all.filter((p) => p.spec.nodeName === name);
  const cpu = pods
    .flatMap((p) => p.spec.containers)
    .reduce((sum, c) => sum + Number(c.resources?.requests?.cpu ?? 0), 0);
  return [
    ...(pods.length > Number(allocatable.pods) ? [`${pods.length} pods on ${name}`] : []),
    ...(cpu > Number(allocatable.cpu) ? [`${cpu} CPU requested on ${name}`] : []),
  ];
}

function sharing({ name, placement }: Workload, pods: Pod[]): string[] {
  if (placement.how !== 'filling' || (placement.by !== 'anti-affinity' && placement.by !== 'host port'))
    return [];
  const hosts = pods.filter((p) => appOf(p) === name).flatMap((p) => p.spec.nodeName ?? []);
  return hosts.length > new Set(hosts).size
    ? [`two pods of ${name} share a node against its ${placement.by}`]
    : [];
}

/** Once all pods of a spread workload found a node, no node has two more of them than another. */
function lopsided({ name, placement }: Workload, view: View, uneven: ReadonlySet<string>): string[] {
  const pods = view.pods.filter((p) => appOf(p) === name);
  if (placement.how !== 'spread' || uneven.has(name) || pods.some((p) => !p.spec.nodeName)) return [];
  const counts = view.nodes.map((n) => pods.filter((p) => p.spec.nodeName === n.metadata.name).length);
  const skew = Math.max(...counts) - Math.min(...counts);
  return skew > 1 ? [`the skew of ${name} is ${skew}`] : [];
}

const covers = (pod: Pod, taint: Taint): boolean =>
  (pod.spec.tolerations ?? []).some(
    (t) =>
      (t.key === undefined || t.key === taint.key) &&
      (t.effect === undefined || t.effect === taint.effect) &&
      (t.operator === 'Exists' || t.value === taint.value),
  );

function misplaced(pod: Pod, view: View, before: View | undefined): string[] {
  const { nodeName, nodeSelector } = pod.spec;
  const node = view.nodes.find((n) => n.metadata.name === nodeName);
  if (!nodeName) return [];
  if (!node) return [`${pod.metadata.name} is on ${nodeName}, which does not exist`];
  const labels = node.metadata.labels ?? {};
  const wrong = Object.entries(nodeSelector ?? {}).filter(([key, value]) => labels[key] !== value);
  // A pod may stay where it was before the node was closed, but not come there after it.
  const stayed = before?.pods.some((p) => p.metadata.uid === pod.metadata.uid && p.spec.nodeName);
  const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;
  const taints = [...(node.spec.taints ?? []), ...(node.spec.unschedulable ? [cordoned] : [])];
  const against = taints.filter(
    (t) => !covers(pod, t) && (t.effect === 'NoExecute' || (t.effect === 'NoSchedule' && !stayed)),
  );
  return [
    ...wrong.map(([key]) => `${pod.metadata.name} is on ${nodeName} in spite of its nodeSelector ${key}`),
    ...against.map((t) => `${pod.metadata.name} is on ${nodeName} in spite of ${t.key}:${t.effect}`),
  ];
}

export function selectedBy({ metadata, spec }: PodDisruptionBudget, pods: Pod[]): Pod[] {
  const { matchLabels = {}, matchExpressions = [] } = spec.selector ?? {};
  return pods.filter(({ metadata: { namespace, labels = {} } }) => {
    const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
    // The only two operators that the worlds use.
    const expressed = matchExpressions.every(
      ({ key, operator, values = [] }) => values.includes(labels[key] ?? '') === (operator === 'In'),
    );
    return namespace === metadata.namespace && equal && expressed;
  });
}

const share = (text: string, of: number): number => Math.ceil((Number.parseInt(text, 10) * of) / 100);

/** https://kubernetes.io/docs/tasks/run-application/configure-pdb/ */
export function budgetNumbers(
  budget: PodDisruptionBudget,
  view: View,
): { expectedPods: number; desiredHealthy: number; currentHealthy: number; disruptionsAllowed: number } {
  const pods = selectedBy(budget, view.pods);
  const apps = new Set(pods.map(appOf));
  const scalable = [...view.deployments, ...view.statefulsets, ...bareSets(view)];
  const scale = scalable
    .filter((w) => apps.has(w.metadata.name))
    .reduce((sum, w) => sum + (w.spec.replicas ?? 1), 0);
  const { minAvailable, maxUnavailable } = budget.spec;
  const counted = typeof minAvailable === 'number';
  const expectedPods = counted ? pods.length : scale;
  const mayMiss = typeof maxUnavailable === 'string' ? share(maxUnavailable, scale) : maxUnavailable;
  const mustHave = typeof minAvailable === 'string' ? share(minAvailable, scale) : minAvailable;
  const desiredHealthy = mayMiss === undefined ? (mustHave ?? 0) : Math.max(0, scale - mayMiss);
  const currentHealthy = pods.filter((p) => isReady(p) && !p.metadata.deletionTimestamp).length;
  const disruptionsAllowed = expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  return { expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed };
}

const bareSets = ({ replicasets }: View) =>
  replicasets.filter((r) => !r.metadata.ownerReferences?.some((o) => o.kind === 'Deployment'));

/** Where the status of a budget is not what its pods say. */
export function miscounted(budget: PodDisruptionBudget, view: View): string[] {
  if (hasTwin(budget, view.poddisruptionbudgets)) return [];
  const right: Record<string, number> = budgetNumbers(budget, view);
  const status: Record<string, unknown> = { ...budget.status };
  return Object.entries(right)
    .filter(([key, value]) => (status[key] ?? 0) !== value)
    .map(([key, value]) => `${budget.metadata.name} has ${key} ${status[key]}, and should have ${value}`);
}

/** What the eviction API should not have done, given the world just before. */
export function unjustified(accepted: Pod[], before: View): string[] {
  const wrong: string[] = [];
  for (const budget of before.poddisruptionbudgets) {
    const { disruptionsAllowed, currentHealthy, desiredHealthy } = budgetNumbers(budget, before);
    const mine = selectedBy(budget, accepted);
    const healthy = mine.filter(isReady).length;
    if (healthy > disruptionsAllowed)
      wrong.push(
        `${healthy} evictions in spite of ${budget.metadata.name}, which allowed ${disruptionsAllowed}`,
      );
    const unhealthy = mine.some((p) => p.spec.nodeName && !isReady(p));
    const harmless =
      budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' ||
      (desiredHealthy > 0 && currentHealthy >= desiredHealthy);
    if (unhealthy && !harmless && disruptionsAllowed === 0)
      wrong.push(`an unready pod was evicted in spite of ${budget.metadata.name}`);
  }
  for (const pod of accepted) {
    const budgets = before.poddisruptionbudgets.filter((b) => selectedBy(b, [pod]).length > 0);
    if (pod.spec.nodeName && budgets.length > 1)
      wrong.push(`${pod.metadata.name} was evicted with two budgets`);
  }
  return wrong;
}
