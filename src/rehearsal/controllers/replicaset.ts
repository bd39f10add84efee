import type { Pod, ReplicaSet } from '../../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../../cluster/pods.ts';
import { matchesSelector } from '../../cluster/selectors.ts';
import type { Store } from '../kubernetes/store.ts';
import { claimed } from './adoption.ts';
import { podFrom } from './pod-template.ts';
import { type ControllerOptions, controllerOf, keyOf, refOf, Worker } from './worker.ts';

/** Keeps as many pods as the ReplicaSet wants. */
export function startReplicaSets({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => reconcile(store, key));
  store.subscribe('replicasets', ({ object }) => worker.enqueue(keyOf(object)));
  store.subscribe('pods', ({ object }) => {
    const namespace = object.metadata.namespace ?? '';
    const owner = controllerOf(object);
    if (owner?.kind === 'ReplicaSet') worker.enqueue(`${namespace}/${owner.name}`);
    if (owner) return;
    for (const set of store.list('replicasets', { namespace }))
      if (matchesSelector(set.spec.selector, object.metadata.labels)) worker.enqueue(keyOf(set));
  });
  return () => worker.stop();
}

function reconcile(store: Store, key: string): void {
  const set = store.get('replicasets', refOf(key));
  if (!set || set.metadata.deletionTimestamp) return;
  const pods = claimed(store, 'pods', set);
  const active = pods.filter((p) => !isTerminating(p) && !isFinished(p));
  const wanted = set.spec.replicas ?? 1;
  for (let i = active.length; i < wanted; i++)
    store.create('pods', podFrom(set.spec.template, set, { generateName: `${set.metadata.name}-` }));
  for (const pod of victims(active, active.length - wanted, siblings(store, set)))
    store.remove('pods', pod.metadata);
  store.modify('replicasets', set.metadata, (draft) => {
    draft.status = {
      ...(set.metadata.generation ? { observedGeneration: set.metadata.generation } : {}),
      replicas: active.length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: active.filter(isReady).length,
    };
  });
}

/** The active pods of all ReplicaSets of the same Deployment; a ReplicaSet without an owner has none to compare with. */
function siblings(store: Store, set: ReplicaSet): Pod[] {
  const { namespace = '' } = set.metadata;
  const owner = controllerOf(set)?.uid;
  const sets = store
    .list('replicasets', { namespace })
    .filter((s) => owner && controllerOf(s)?.uid === owner);
  return store
    .list('pods', { namespace })
    .filter(
      (p) =>
        !isTerminating(p) &&
        !isFinished(p) &&
        sets.some((s) => matchesSelector(s.spec.selector, p.metadata.labels)),
    );
}

/**
 * Which pods go when there are too many, in the order of pkg/controller/controller_utils.go (ActivePodsWithRanks): not yet
 * assigned, pending, not ready, cheap by their pod-deletion-cost, sharing a node with more siblings, younger.
 */
function victims(pods: Pod[], surplus: number, related: Pod[]): Pod[] {
  if (surplus <= 0) return [];
  const onNode = (pod: Pod): number => related.filter((p) => p.spec.nodeName === pod.spec.nodeName).length;
  const cost = (pod: Pod): number =>
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0);
  const rank = (pod: Pod): number[] => [
    pod.spec.nodeName ? 1 : 0,
    pod.status?.phase === 'Running' ? 1 : 0,
    isReady(pod) ? 1 : 0,
    cost(pod),
    -onNode(pod),
    -Date.parse(pod.metadata.creationTimestamp ?? ''),
  ];
  return [...pods].sort((a, b) => compare(rank(a), rank(b))).slice(0, surplus);
}

function compare(a: number[], b: number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
