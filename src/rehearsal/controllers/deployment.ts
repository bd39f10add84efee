import type { Condition, Deployment, ReplicaSet } from '../../cluster/objects.ts';
import { isFinished } from '../../cluster/pods.ts';
import { scaled } from '../../cluster/quantities.ts';
import { rfc3339 } from '../../cluster/times.ts';
import type { Store } from '../kubernetes/store.ts';
import { claimed } from './adoption.ts';
import { templateHash } from './pod-template.ts';
import { type ControllerOptions, controllerOf, keyOf, ownedBy, refOf, Worker } from './worker.ts';

/** Rolls ReplicaSets of a Deployment from the old template to the new one. */
export function startDeployments({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => reconcile(store, key, clock.now()));
  store.subscribe('deployments', ({ object }) => worker.enqueue(keyOf(object)));
  store.subscribe('replicasets', ({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'Deployment') worker.enqueue(`${object.metadata.namespace}/${owner.name}`);
  });
  // A deployment of the Recreate strategy waits for its old pods to be gone.
  store.subscribe('pods', ({ type, object }) => {
    const namespace = object.metadata.namespace ?? '';
    const owner = controllerOf(object);
    if (type !== 'DELETED' || owner?.kind !== 'ReplicaSet') return;
    const set = store.get('replicasets', { namespace, name: owner.name });
    const deployment = set && controllerOf(set);
    if (deployment) worker.enqueue(`${namespace}/${deployment.name}`);
  });
  return () => worker.stop();
}

function reconcile(store: Store, key: string, now: number): void {
  const deployment = store.get('deployments', refOf(key));
  if (!deployment || deployment.metadata.deletionTimestamp) return;
  const hash = templateHash(deployment.spec.template);
  const owned = () => claimed(store, 'replicasets', deployment);
  let sets = owned();
  if (!deployment.spec.paused && !sets.some((set) => hashOf(set) === hash)) {
    store.create('replicasets', newSet(deployment, hash));
    sets = owned();
  }
  const current = sets.find((set) => hashOf(set) === hash);
  const old = sets.filter((set) => set !== current);
  for (const { set, replicas } of nextSizes(store, deployment, current, old)) {
    store.modify('replicasets', set.metadata, (draft) => {
      draft.spec.replicas = replicas;
    });
  }
  for (const set of old)
    if ((set.spec.replicas ?? 0) === 0 && (set.status?.replicas ?? 0) === 0 && old.length > 10)
      store.remove('replicasets', set.metadata);
  writeStatus(store, deployment, owned(), hash, now);
}

function nextSizes(
  store: Store,
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: ReplicaSet[],
): { set: ReplicaSet; replicas: number }[] {
  const { paused, replicas = 1, strategy } = deployment.spec;
  if (current && !paused) {
    // No new pod is started as long as an old one runs, be it terminating.
    if (strategy?.type === 'Recreate' && old.every((set) => set.spec.replicas === 0) && anyRuns(store, old))
      return [];
    return rollout(deployment, current, old);
  }
  const active = [...(current ? [current] : []), ...old].filter((set) => (set.spec.replicas ?? 0) > 0);
  const [only = current] = active;
  return active.length <= 1 && only && only.spec.replicas !== replicas ? [{ set: only, replicas }] : [];
}

function anyRuns(store: Store, sets: ReplicaSet[]): boolean {
  const uids = new Set(sets.map((set) => set.metadata.uid));
  return store
    .list('pods', { namespace: sets[0]?.metadata.namespace ?? '' })
    .some((pod) => uids.has(controllerOf(pod)?.uid) && !isFinished(pod));
}

const hashOf = (set: ReplicaSet): string | undefined => set.metadata.labels?.['pod-template-hash'];

function newSet(deployment: Deployment, hash: string): ReplicaSet {
  const { template, selector } = deployment.spec;
  const labels = { ...template.metadata?.labels, 'pod-template-hash': hash };
  return {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels,
      ownerReferences: ownedBy(deployment),
    },
    spec: {
      replicas: 0,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, 'pod-template-hash': hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/**
 * The next replica counts of a rolling update (pkg/controller/deployment/rolling.go): grow the new set as far as max-surge
 * allows, shrink the old ones as far as max-unavailable allows, unready pods first.
 */
export function rollout(
  deployment: Deployment,
  current: ReplicaSet,
  old: ReplicaSet[],
): { set: ReplicaSet; replicas: number }[] {
  const wanted = deployment.spec.replicas ?? 1;
  const sizeOf = (set: ReplicaSet): number => set.spec.replicas ?? 0;
  const oldTotal = old.reduce((sum, set) => sum + sizeOf(set), 0);
  const changes: { set: ReplicaSet; replicas: number }[] = [];
  const change = (set: ReplicaSet, replicas: number) => {
    if (replicas !== sizeOf(set)) changes.push({ set, replicas });
  };
  if (deployment.spec.strategy?.type === 'Recreate') {
    if (oldTotal > 0) for (const set of old) change(set, 0);
    else if (old.every((set) => (set.status?.replicas ?? 0) === 0)) change(current, wanted);
    return changes;
  }
  if (oldTotal === 0) {
    change(current, wanted);
    return changes;
  }
  const surge = scaled(deployment.spec.strategy?.rollingUpdate?.maxSurge, wanted, 'up');
  const room = Math.max(0, wanted + surge - sizeOf(current) - oldTotal);
  change(current, Math.min(wanted, Math.max(sizeOf(current), sizeOf(current) + room)));

  const availableIn = (set: ReplicaSet): number => Math.min(sizeOf(set), set.status?.availableReplicas ?? 0);
  const least = wanted - mayMiss(deployment);
  // New pods that are not available yet must not cost further old ones, be these available or not.
  let unneeded = oldTotal + availableIn(current) - least;
  if (unneeded <= 0) return changes;
  let spare = [current, ...old].reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0) - least;
  for (const set of old) {
    const unready = Math.min(unneeded, sizeOf(set) - availableIn(set));
    unneeded -= unready;
    const drop = Math.min(sizeOf(set), unready + Math.max(0, spare));
    spare -= Math.max(0, drop - unready);
    change(set, sizeOf(set) - drop);
  }
  return changes;
}

/** How many of the wanted pods may be unavailable (MaxUnavailable of pkg/controller/deployment/util). */
function mayMiss({ spec }: Deployment): number {
  const wanted = spec.replicas ?? 1;
  if (spec.strategy?.type === 'Recreate' || wanted === 0) return 0;
  const rolling = spec.strategy?.rollingUpdate;
  const surge = scaled(rolling?.maxSurge, wanted, 'up');
  // Both zero would mean no progress; the API server allows it only through percentages.
  const unavailable = Math.max(scaled(rolling?.maxUnavailable, wanted, 'down'), surge === 0 ? 1 : 0);
  return Math.min(wanted, unavailable);
}

function writeStatus(
  store: Store,
  deployment: Deployment,
  sets: ReplicaSet[],
  hash: string,
  now: number,
): void {
  const sum = (of: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((total, set) => total + (of(set) ?? 0), 0);
  const available = sum((set) => set.status?.availableReplicas);
  const wanted = deployment.spec.replicas ?? 1;
  const enough = available >= wanted - mayMiss(deployment);
  const updated = sets.find((set) => hashOf(set) === hash)?.status?.replicas ?? 0;
  const replicas = sum((set) => set.status?.replicas);
  const complete = updated === wanted && replicas === wanted && available === wanted;
  store.modify('deployments', deployment.metadata, (draft) => {
    const condition = (type: string, holds: boolean, reason: string): Condition => {
      const before = draft.status?.conditions?.find((c) => c.type === type);
      const status = holds ? 'True' : 'False';
      const since = before?.status === status ? before.lastTransitionTime : undefined;
      return { type, status, reason, lastTransitionTime: since ?? rfc3339(now) };
    };
    draft.status = {
      ...(deployment.metadata.generation ? { observedGeneration: deployment.metadata.generation } : {}),
      replicas,
      updatedReplicas: updated,
      readyReplicas: sum((set) => set.status?.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, sum((set) => set.spec.replicas) - available),
      conditions: [
        condition('Available', enough, enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable'),
        condition('Progressing', true, complete ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated'),
      ],
    };
  });
}
