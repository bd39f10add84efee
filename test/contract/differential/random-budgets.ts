import { isDeepStrictEqual } from 'node:util';
import type { LabelSelector, Labels, PodDisruptionBudget } from '../../../src/cluster/objects.ts';
import { matchesSelector } from '../../../src/cluster/selectors.ts';
import type { Random } from '../../../src/rehearsal/world/random.ts';
import { dice } from './dice.ts';
import type { Workload } from './world.ts';

/** Which pods a budget is for. */
function randomSelector(random: Random, apps: string[]): LabelSelector {
  return random.pick<LabelSelector>([
    ...apps.map((app) => ({ matchLabels: { app } })),
    { matchLabels: { tier: random.pick(['front', 'back']) } },
    { matchExpressions: [{ key: 'app', operator: 'In', values: [random.pick(apps), 'another'] }] },
    { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['front'] }] },
    {},
  ]);
}

export function randomBudgets(random: Random, world: string, workloads: Workload[]): PodDisruptionBudget[] {
  const apps = workloads.map((w) => w.name);
  const [first, other] = [randomSelector(random, apps), randomSelector(random, apps)];
  const overlap = workloads.some(
    (w) => matchesSelector(first, labelsOf(w)) && matchesSelector(other, labelsOf(w)),
  );
  // Two budgets for all of the same pods, or for none: of several the controller looks at any one when a pod changes.
  const selectors = [first, overlap ? first : other].slice(0, random.pick([0, 1, 1, 2, 2, 2]));
  return selectors.map((selector, i) => {
    const policy = random.pick([undefined, 'IfHealthyBudget', 'AlwaysAllow'] as const);
    return {
      metadata: { name: `budget-${i}`, namespace: world },
      spec: {
        selector,
        ...randomLimit(random, workloads),
        ...(policy ? { unhealthyPodEvictionPolicy: policy } : {}),
      },
    };
  });
}

const labelsOf = ({ manifest }: Workload): Labels | undefined =>
  manifest.object.spec.template.metadata?.labels;

/** Whether another budget is for the same pods. Its status then depends on which of the two the controller looks at. */
export const hasTwin = (budget: PodDisruptionBudget, all: readonly PodDisruptionBudget[]): boolean =>
  all.some(
    (b) =>
      b.metadata.name !== budget.metadata.name && isDeepStrictEqual(b.spec.selector, budget.spec.selector),
  );

function randomLimit(
  random: Random,
  workloads: Workload[],
): Pick<PodDisruptionBudget['spec'], 'minAvailable' | 'maxUnavailable'> {
  // Percentages and maxUnavailable need a scale, and a DaemonSet has none.
  if (workloads.some((w) => w.resource === 'daemonsets')) return { minAvailable: dice(random, 5) };
  return random.pick([
    { minAvailable: dice(random, 5) },
    { minAvailable: random.pick(['30%', '50%', '100%']) },
    { maxUnavailable: dice(random, 3) },
    { maxUnavailable: random.pick(['0%', '25%', '60%', '100%']) },
  ]);
}
