import { budgetNumbers } from '../../cluster/budgets.ts';
import type { Pod, PodDisruptionBudget } from '../../cluster/objects.ts';
import { isReady, isTerminating } from '../../cluster/pods.ts';
import { matchesSelector } from '../../cluster/selectors.ts';
import type { Store } from '../kubernetes/store.ts';
import { type ControllerOptions, controllerOf, keyOf, refOf, Worker } from './worker.ts';

/** An eviction that was granted and never seen to happen counts for this long (DeletionTimeout of the real controller). */
const disruptionTimeoutMs = 2 * 60_000;

/** Computes how many disruptions each PodDisruptionBudget allows. */
export function startBudgets({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => reconcile(store, key, clock.now(), worker));
  const all = (namespace: string | undefined) => {
    for (const budget of store.list('poddisruptionbudgets', namespace ? { namespace } : {}))
      worker.enqueue(keyOf(budget));
  };
  store.subscribe('poddisruptionbudgets', ({ object }) => worker.enqueue(keyOf(object)));
  store.subscribe('pods', ({ object }) => all(object.metadata.namespace));
  for (const resource of ['deployments', 'replicasets', 'statefulsets'] as const)
    store.subscribe(resource, ({ object }) => all(object.metadata.namespace));
  return () => worker.stop();
}

function reconcile(store: Store, key: string, now: number, worker: Worker): void {
  const budget = store.get('poddisruptionbudgets', refOf(key));
  if (!budget) return;
  const pods = store
    .list('pods', { namespace: budget.metadata.namespace ?? '' })
    .filter((pod) => matchesSelector(budget.spec.selector, pod.metadata.labels));
  const numbers = budgetNumbers(budget, pods.length, scaleOf(store, pods));
  const disruptedPods = stillDisrupted(budget, pods, now);
  const healthy = pods.filter(
    (pod) => isReady(pod) && !isTerminating(pod) && !(pod.metadata.name in disruptedPods),
  ).length;
  const allowed = numbers.expected <= 0 ? 0 : Math.max(0, healthy - numbers.desiredHealthy);
  if (Object.keys(disruptedPods).length > 0) worker.enqueue(key, disruptionTimeoutMs);
  store.modify('poddisruptionbudgets', budget.metadata, (draft) => {
    draft.status = {
      ...(budget.metadata.generation ? { observedGeneration: budget.metadata.generation } : {}),
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: numbers.desiredHealthy,
      expectedPods: numbers.expected,
      ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
      conditions: [
        {
          type: 'DisruptionAllowed',
          status: allowed > 0 ? 'True' : 'False',
          reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
        },
      ],
    };
  });
}

/** Granted evictions whose pod is still there and not yet terminating. */
function stillDisrupted(budget: PodDisruptionBudget, pods: Pod[], now: number): Record<string, string> {
  const waiting = Object.entries(budget.status?.disruptedPods ?? {}).filter(([name, since]) => {
    const pod = pods.find((p) => p.metadata.name === name);
    // A pod of the same name that came later is not the one that was evicted.
    const same = pod !== undefined && Date.parse(pod.metadata.creationTimestamp ?? '') <= Date.parse(since);
    return same && !isTerminating(pod) && now - Date.parse(since) < disruptionTimeoutMs;
  });
  return Object.fromEntries(waiting);
}

function scaleOf(store: Store, pods: Pod[]): number {
  const scales = new Map<string, number>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (!owner) continue;
    const ref = { namespace: pod.metadata.namespace ?? '', name: owner.name };
    if (owner.kind === 'StatefulSet')
      scales.set(owner.uid, store.get('statefulsets', ref)?.spec.replicas ?? 0);
    if (owner.kind === 'ReplicaSet') {
      const set = store.get('replicasets', ref);
      const parent = set ? controllerOf(set) : undefined;
      if (parent?.kind === 'Deployment')
        scales.set(parent.uid, store.get('deployments', { ...ref, name: parent.name })?.spec.replicas ?? 0);
      else scales.set(owner.uid, set?.spec.replicas ?? 0);
    }
  }
  return [...scales.values()].reduce((sum, n) => sum + n, 0);
}
