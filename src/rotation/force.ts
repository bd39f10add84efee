import type { Pod } from '../cluster/objects.ts';
import type { EvictionAnswer } from '../cluster/ports.ts';

/** Since when a pod has not been ready, in epoch milliseconds; undefined when it is, or when nobody knows. */
export function unreadySince(pod: Pod): number | undefined {
  const ready = pod.status?.conditions?.find((c) => c.type === 'Ready');
  if (ready?.status !== 'False' || !ready.lastTransitionTime) return undefined;
  return Date.parse(ready.lastTransitionTime);
}

/**
 * Whether a pod may be deleted past its budget: only budgets hold it, and it has not been ready for so long. A budget counts
 * what is ready, so that nobody who is served by it loses anything; one that is ready is never deleted.
 */
export function mayForce(
  pod: Pod,
  answer: { kind: EvictionAnswer['kind'] | 'held-back' } | undefined,
  now: number,
  forceUnreadyMs: number,
): boolean {
  const since = unreadySince(pod);
  const byBudget = answer?.kind === 'budget' || answer?.kind === 'several-budgets';
  return byBudget && since !== undefined && now - since >= forceUnreadyMs;
}

/** Its own grace, and at least a second: with none the kubelet is not asked, and two of a StatefulSet could run at once. */
export const graceOf = (pod: Pod): number => Math.max(1, pod.spec.terminationGracePeriodSeconds ?? 30);
