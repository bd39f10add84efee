import type { Pod, PodDisruptionBudget } from '../../cluster/objects.ts';
import { KubernetesError } from '../../cluster/ports.ts';
import { matchesSelector } from '../../cluster/selectors.ts';
import { rfc3339 } from '../../cluster/times.ts';
import { disrupt } from './disruption.ts';
import { notFound } from './memory-store.ts';
import type { Store } from './store.ts';

export interface EvictionRequest {
  namespace: string;
  name: string;
  uid?: string;
  dryRun?: boolean;
  gracePeriodSeconds?: number;
}

/** More disrupted pods than this in a budget's status make the API server refuse. */
const maxDisruptedPods = 2000;

/**
 * The eviction subresource, with the codes and words of pkg/registry/core/pod/storage/eviction.go.
 * Returns when the pod was given its deletion timestamp. @throws KubernetesError 404, 409, 429, 403 or 500.
 */
export function evict(store: Store, now: number, request: EvictionRequest): void {
  const pod = store.get('pods', request);
  if (!pod) throw notFound('pods', request.name);
  if (!bypassesBudgets(pod)) {
    const budget = budgetOf(store, pod);
    if (budget) useBudget(store, now, budget, pod, request.dryRun ?? false);
  }
  // The uid is a precondition of the deletion, so a full budget answers first.
  if (request.uid && request.uid !== pod.metadata.uid) {
    throw new KubernetesError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on pods "${request.name}": the UID in the precondition (${request.uid}) does not match the UID in record (${pod.metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (request.dryRun) return;
  store.modify('pods', request, (draft) => {
    disrupt(draft, 'EvictionByEvictionAPI', 'Eviction API: evicting', new Date(now));
  });
  const grace =
    request.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: request.gracePeriodSeconds };
  store.remove('pods', request, { ...(pod.metadata.uid ? { uid: pod.metadata.uid } : {}), ...grace });
}

function bypassesBudgets(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return (
    phase === 'Pending' ||
    phase === 'Succeeded' ||
    phase === 'Failed' ||
    pod.metadata.deletionTimestamp !== undefined
  );
}

function budgetOf(store: Store, pod: Pod): PodDisruptionBudget | undefined {
  const namespace = pod.metadata.namespace ?? '';
  const budgets = store
    .list('poddisruptionbudgets', { namespace })
    .filter((budget) => matchesSelector(budget.spec.selector, pod.metadata.labels));
  if (budgets.length > 1) {
    throw new KubernetesError(
      500,
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  return budgets[0];
}

function useBudget(store: Store, now: number, budget: PodDisruptionBudget, pod: Pod, dryRun: boolean): void {
  const status = budget.status ?? {
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
  };
  const { name, generation } = budget.metadata;
  if (!isReady(pod)) {
    // An unready pod serves nobody: evicting it cannot hurt once the others are enough, or when the budget says so.
    if (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return;
    if (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0) return;
  }
  if ((status.observedGeneration ?? 0) < (generation ?? 0)) {
    throw tooManyRequests(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  if (status.disruptionsAllowed < 0) throw forbidden(name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > maxDisruptedPods)
    throw forbidden(name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (status.disruptionsAllowed === 0) {
    throw tooManyRequests(
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
    );
  }
  if (dryRun) return;
  store.modify('poddisruptionbudgets', budget.metadata, (draft) => {
    if (!draft.status) return;
    draft.status.disruptionsAllowed -= 1;
    draft.status.disruptedPods = {
      ...draft.status.disruptedPods,
      [pod.metadata.name]: rfc3339(now),
    };
  });
}

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

const tooManyRequests = (cause: string, retryAfterSeconds?: number): KubernetesError =>
  new KubernetesError(
    429,
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    [{ reason: 'DisruptionBudget', message: cause }],
    retryAfterSeconds,
  );

const forbidden = (name: string, why: string): KubernetesError =>
  new KubernetesError(403, 'Forbidden', `poddisruptionbudgets.policy "${name}" is forbidden: ${why}`);
