import type { Pod, PodDisruptionBudget } from './objects.ts';
import { isReady } from './pods.ts';
import { scaled } from './quantities.ts';
import { matchesSelector } from './selectors.ts';

/** The budgets that select the pod. More than one makes every eviction of it fail. */
export function budgetsOf(pod: Pod, budgets: readonly PodDisruptionBudget[]): PodDisruptionBudget[] {
  return budgets.filter(
    (budget) =>
      budget.metadata.namespace === pod.metadata.namespace &&
      matchesSelector(budget.spec.selector, pod.metadata.labels),
  );
}

/** How many pods of how many a budget wants healthy; the arithmetic of pkg/controller/disruption/disruption.go. */
export interface BudgetNumbers {
  /** Pods that should be there: the scale of the controllers for percentages and maxUnavailable, else the pods found. */
  expected: number;
  desiredHealthy: number;
}

/**
 * @param pods how many pods the selector finds
 * @param scale sum of replicas of the controllers of these pods
 */
export function budgetNumbers(budget: PodDisruptionBudget, pods: number, scale: number): BudgetNumbers {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (maxUnavailable !== undefined) {
    return { expected: scale, desiredHealthy: Math.max(0, scale - scaled(maxUnavailable, scale, 'up')) };
  }
  if (typeof minAvailable === 'string')
    return { expected: scale, desiredHealthy: scaled(minAvailable, scale, 'up') };
  return { expected: pods, desiredHealthy: minAvailable ?? 0 };
}

/**
 * How many evictions the budget allows when every pod is healthy. Zero or less means that it never allows one.
 * With an integer minAvailable the forecast uses the scale, because that many pods will be there.
 */
export function steadyAllowance(budget: PodDisruptionBudget, scale: number): number {
  if (scale <= 0) return 0;
  return scale - budgetNumbers(budget, scale, scale).desiredHealthy;
}

/**
 * Whether one replica more lets the budget allow an eviction. Never for `maxUnavailable: 0` or `minAvailable: 100%`: there
 * the wanted number grows with the replicas.
 */
export const oneMoreHelps = (budget: PodDisruptionBudget, scale: number): boolean =>
  steadyAllowance(budget, scale + 1) > 0;

/**
 * Whether the budget would let the pod go at this moment, from its status: what the Eviction API answers, without asking it
 * (pkg/registry/core/pod/storage/eviction.go). Pods that do not serve may go when the others are enough, or always by policy.
 */
export function allowsNow(budget: PodDisruptionBudget, pod: Pod): boolean {
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  if (!isReady(pod)) {
    if (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
    if (desiredHealthy > 0 && currentHealthy >= desiredHealthy) return true;
  }
  return disruptionsAllowed > 0;
}
