import { oneMoreHelps, steadyAllowance } from '../cluster/budgets.ts';
import type { Deployment, Pod, PodDisruptionBudget } from '../cluster/objects.ts';
import { canSurge } from './rollout.ts';

/**
 * Whether budgets let a pod go once everything is healthy, by their arithmetic:
 * several budgets never do; `surge` when one replica more makes them, and may be had.
 */
export type Prospect = 'allowed' | 'surge' | 'never' | 'several-budgets';

export function prospectOf(
  pod: Pod,
  budgets: readonly PodDisruptionBudget[],
  replicas: number,
  deployment: Deployment | undefined,
): Prospect {
  if (budgets.length > 1) return 'several-budgets';
  if (!budgets.some((b) => steadyAllowance(b, replicas) <= 0)) return 'allowed';
  return deployment && canSurge(deployment, pod, budgets) ? 'surge' : 'never';
}

/** What a person can do about a budget that never allows an eviction. */
export const remedyFor = (budgets: readonly PodDisruptionBudget[], replicas: number): string =>
  `${budgets.every((b) => oneMoreHelps(b, replicas)) ? 'Add a replica, or set' : 'Set'} maxUnavailable: 1 for the time of the upgrade.`;
