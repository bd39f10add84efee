import type { Condition } from '../../cluster/objects.ts';
import { rfc3339 } from '../../cluster/times.ts';
import type { Store } from '../kubernetes/store.ts';
import { type ControllerOptions, keyOf, refOf, Worker } from './worker.ts';

/** How often the controller looks at each autoscaler (--horizontal-pod-autoscaler-sync-period). */
const syncMs = 15_000;

/**
 * Keeps Deployments within the bounds of their HorizontalPodAutoscalers, as the real controller does where there are no
 * metrics (pkg/controller/podautoscaler/horizontal.go): bounds count all the same, and nothing else changes replicas.
 */
export function startAutoscalers({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => {
    if (reconcile(store, key, clock.now())) worker.enqueue(key, syncMs);
  });
  store.subscribe('horizontalpodautoscalers', ({ type, object }) => {
    if (type === 'ADDED') worker.enqueue(keyOf(object), syncMs);
  });
  return () => worker.stop();
}

/** Whether the autoscaler is still there. */
function reconcile(store: Store, key: string, now: number): boolean {
  const autoscaler = store.get('horizontalpodautoscalers', refOf(key));
  if (!autoscaler) return false;
  const { scaleTargetRef: target, minReplicas = 1, maxReplicas } = autoscaler.spec;
  const ref = { namespace: autoscaler.metadata.namespace ?? '', name: target.name };
  const deployment = target.kind === 'Deployment' ? store.get('deployments', ref) : undefined;
  if (!deployment) return true;
  const replicas = deployment.spec.replicas ?? 1;
  const disabled = replicas === 0 && minReplicas > 0;
  const wanted = disabled ? 0 : Math.min(maxReplicas, Math.max(minReplicas, replicas));
  if (wanted !== replicas)
    store.modify('deployments', ref, (draft) => {
      draft.spec.replicas = wanted;
    });
  const reason = disabled ? 'ScalingDisabled' : 'FailedGetResourceMetric';
  store.modify('horizontalpodautoscalers', autoscaler.metadata, (draft) => {
    const before = draft.status?.conditions?.find((c) => c.reason === reason);
    const active: Condition = {
      type: 'ScalingActive',
      status: 'False',
      reason,
      lastTransitionTime: before?.lastTransitionTime ?? rfc3339(now),
    };
    draft.status = { currentReplicas: replicas, desiredReplicas: wanted, conditions: [active] };
  });
  return true;
}
