import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../../cluster/pods.ts';
import type { Store } from '../kubernetes/store.ts';
import { podFrom, templateHash } from './pod-template.ts';
import { type ControllerOptions, controllerOf, keyOf, refOf, Worker } from './worker.ts';

/** Keeps pods with stable names and claims; one name never exists twice. */
export function startStatefulSets({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => reconcile(store, key));
  store.subscribe('statefulsets', ({ object }) => worker.enqueue(keyOf(object)));
  store.subscribe('pods', ({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'StatefulSet') worker.enqueue(`${object.metadata.namespace}/${owner.name}`);
  });
  return () => worker.stop();
}

function reconcile(store: Store, key: string): void {
  const set = store.get('statefulsets', refOf(key));
  if (!set || set.metadata.deletionTimestamp) return;
  const pods = store
    .list('pods', { namespace: set.metadata.namespace ?? '' })
    .filter((p) => controllerOf(p)?.uid === set.metadata.uid);
  const revision = templateHash(set.spec.template);
  const next = nextStep(set, pods, revision);
  for (const ordinal of next.create) createPod(store, set, ordinal, revision);
  for (const pod of next.remove) store.remove('pods', pod.metadata);
  const active = pods.filter((p) => !isTerminating(p));
  store.modify('statefulsets', set.metadata, (draft) => {
    draft.status = {
      ...(set.metadata.generation ? { observedGeneration: set.metadata.generation } : {}),
      replicas: pods.length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: active.filter(isReady).length,
      currentReplicas: active.filter((p) => revisionOf(p) === revision).length,
      updatedReplicas: active.filter((p) => revisionOf(p) === revision).length,
      currentRevision: revision,
      updateRevision: revision,
    };
  });
}

const ordinalOf = (pod: Pod): number =>
  Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf('-') + 1));
const revisionOf = (pod: Pod): string | undefined => pod.metadata.labels?.['controller-revision-hash'];

/**
 * What to create and remove now (pkg/controller/statefulset/stateful_set_control.go): OrderedReady goes one pod at a time and
 * waits for readiness; a terminating pod keeps its name until it is gone; updates go from the highest ordinal down.
 */
export function nextStep(
  set: StatefulSet,
  pods: Pod[],
  revision: string,
): { create: number[]; remove: Pod[] } {
  const wanted = set.spec.replicas ?? 1;
  const ordered = set.spec.podManagementPolicy !== 'Parallel';
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]));
  const create: number[] = [];
  for (let ordinal = 0; ordinal < wanted; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod && isFinished(pod) && !isTerminating(pod)) return { create: [], remove: [pod] };
    if (!pod) {
      create.push(ordinal);
      if (ordered) return { create, remove: [] };
    } else if (ordered && (isTerminating(pod) || !isReady(pod))) return { create, remove: [] };
  }
  const surplus = pods.filter((pod) => ordinalOf(pod) >= wanted).sort((a, b) => ordinalOf(b) - ordinalOf(a));
  const [highest] = surplus;
  if (highest && ordered) {
    // Of several that are not ready only the lowest may go, and the highest has to go first.
    const stuck = surplus.filter((pod) => isTerminating(pod) || !isReady(pod)).at(-1);
    const mayGo = !isTerminating(highest) && (isReady(highest) || highest === stuck);
    return { create, remove: mayGo ? [highest] : [] };
  }
  const leaving = surplus.filter((pod) => !isTerminating(pod));
  if (leaving.length > 0) return { create, remove: leaving };
  if (set.spec.updateStrategy?.type === 'OnDelete' || create.length > 0) return { create, remove: [] };
  const partition = set.spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (let ordinal = wanted - 1; ordinal >= partition; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (!pod) continue;
    if (revisionOf(pod) !== revision && !isTerminating(pod)) return { create, remove: [pod] };
    if (isTerminating(pod) || !isReady(pod)) break;
  }
  return { create, remove: [] };
}

function createPod(store: Store, set: StatefulSet, ordinal: number, revision: string): void {
  const name = `${set.metadata.name}-${ordinal}`;
  const namespace = set.metadata.namespace ?? '';
  const pod = podFrom(set.spec.template, set, { name });
  pod.metadata.labels = {
    ...pod.metadata.labels,
    'statefulset.kubernetes.io/pod-name': name,
    'apps.kubernetes.io/pod-index': String(ordinal),
    'controller-revision-hash': revision,
  };
  pod.spec.hostname = name;
  if (set.spec.serviceName) pod.spec.subdomain = set.spec.serviceName;
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const claimName = `${template.metadata.name}-${name}`;
    pod.spec.volumes = [
      ...(pod.spec.volumes ?? []),
      { name: template.metadata.name, persistentVolumeClaim: { claimName } },
    ];
    if (store.get('persistentvolumeclaims', { namespace, name: claimName })) continue;
    const claim: PersistentVolumeClaim = {
      metadata: { name: claimName, namespace },
      spec: structuredClone(template.spec),
      status: { phase: 'Pending' },
    };
    store.create('persistentvolumeclaims', claim);
  }
  store.create('pods', pod);
}
