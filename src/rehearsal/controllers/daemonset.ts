import { matchesNodeSelection } from '../../cluster/node-selection.ts';
import type { DaemonSet, Node, Pod, Toleration } from '../../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../../cluster/pods.ts';
import { scaled } from '../../cluster/quantities.ts';
import { untolerated } from '../../cluster/taints.ts';
import type { Store } from '../kubernetes/store.ts';
import { podFrom, templateHash } from './pod-template.ts';
import { type ControllerOptions, controllerOf, keyOf, refOf, Worker } from './worker.ts';

/** Before it, every change of a node's taints makes the controller look at every set. */
const sparingSince = 33;
const newestMinor = 36;

/** Runs one pod on every node that should have one. */
export function startDaemonSets({ store, clock, minor = newestMinor }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => reconcile(store, key));
  store.subscribe('daemonsets', ({ object }) => worker.enqueue(keyOf(object)));
  store.subscribe('nodes', ({ type, object }) => {
    if (type === 'DELETED') return;
    for (const set of store.list('daemonsets'))
      if (minor < sparingSince || concerns(store, set, object)) worker.enqueue(keyOf(set));
  });
  store.subscribe('pods', ({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'DaemonSet') worker.enqueue(`${object.metadata.namespace}/${owner.name}`);
  });
  return () => worker.stop();
}

/**
 * Whether a changed node makes the controller look at the set (syncNodeUpdate of pkg/controller/daemon). A pod that may stay
 * where none would be started does not, so that the status can stay behind.
 */
function concerns(store: Store, set: DaemonSet, node: Node): boolean {
  const { run, stay } = shouldRun(set, node);
  const scheduled = store
    .list('pods', { fieldSelector: `spec.nodeName=${node.metadata.name}` })
    .some((p) => controllerOf(p)?.uid === set.metadata.uid);
  return scheduled ? !stay || (set.status?.numberMisscheduled ?? 0) > 0 : run;
}

/** What the controller adds to its pods (pkg/controller/daemon/util): they stay through the troubles of a node. */
const tolerations: Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const networkUnavailable: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

/** Whether a pod should be started on the node, and whether one that is there may stay. */
export function shouldRun(set: DaemonSet, node: Node): { run: boolean; stay: boolean } {
  const spec = { ...set.spec.template.spec, tolerations: tolerationsOf(set) };
  if (!matchesNodeSelection(spec, node)) return { run: false, stay: false };
  const taints = node.spec.taints ?? [];
  const stay = untolerated(spec, taints, ['NoExecute']).length === 0;
  return { run: stay && untolerated(spec, taints, ['NoSchedule']).length === 0, stay };
}

function tolerationsOf(set: DaemonSet): Toleration[] {
  const { spec } = set.spec.template;
  return [...(spec.tolerations ?? []), ...tolerations, ...(spec.hostNetwork ? [networkUnavailable] : [])];
}

function reconcile(store: Store, key: string): void {
  const set = store.get('daemonsets', refOf(key));
  if (!set || set.metadata.deletionTimestamp) return;
  const owned = () =>
    store.owned('pods', set.metadata.uid ?? '').filter((p) => controllerOf(p)?.uid === set.metadata.uid);
  const pods = owned();
  const nodes = store.list('nodes');
  const running = nodes.filter((node) => shouldRun(set, node).run);
  const served = new Set(pods.filter((p) => !isFinished(p)).map(targetOf));
  for (const node of running) if (!served.has(node.metadata.name)) store.create('pods', podFor(set, node));
  for (const pod of pods) {
    const node = store.get('nodes', { name: targetOf(pod) ?? '' });
    if (node && !isTerminating(pod) && (isFinished(pod) || !shouldRun(set, node).stay))
      store.remove('pods', pod.metadata);
  }
  for (const pod of outdated(set, owned(), running.length)) store.remove('pods', pod.metadata);
  writeStatus(store, set, owned(), new Set(running.map((n) => n.metadata.name)));
}

const revision = 'controller-revision-hash';
const isUpdated = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[revision] === hash;

/**
 * Pods of an earlier template that may go now (pkg/controller/daemon/update.go): all that are not ready, and ready ones as
 * long as no more than maxUnavailable nodes are without.
 */
export function outdated(set: DaemonSet, pods: Pod[], desired: number): Pod[] {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  const hash = templateHash(set.spec.template);
  const present = pods.filter((p) => !isTerminating(p));
  const old = present.filter((p) => !isUpdated(p, hash));
  const ready = old.filter(isReady);
  const vacant = new Set(pods.map(targetOf)).size - new Set(present.map(targetOf)).size;
  const unavailable = vacant + present.filter((p) => isUpdated(p, hash) && !isReady(p)).length;
  const most = Math.max(1, scaled(rollingUpdate?.maxUnavailable, desired, 'up'));
  return [...old.filter((p) => !isReady(p)), ...ready.slice(0, Math.max(0, most - unavailable))];
}

function writeStatus(store: Store, set: DaemonSet, pods: Pod[], wanted: Set<string>): void {
  const hash = templateHash(set.spec.template);
  const targets = [...new Set(pods.map((p) => targetOf(p) ?? ''))];
  const current = pods.filter((p) => wanted.has(targetOf(p) ?? ''));
  const ready = current.filter(isReady).length;
  store.modify('daemonsets', set.metadata, (draft) => {
    draft.status = {
      ...(set.metadata.generation ? { observedGeneration: set.metadata.generation } : {}),
      desiredNumberScheduled: wanted.size,
      currentNumberScheduled: targets.filter((node) => wanted.has(node)).length,
      updatedNumberScheduled: current.filter((p) => isUpdated(p, hash)).length,
      numberReady: ready,
      numberAvailable: ready,
      numberUnavailable: Math.max(0, wanted.size - ready),
      numberMisscheduled: targets.filter((node) => !wanted.has(node)).length,
    };
  });
}

/** The node a daemon pod is pinned to: already assigned, or asked for by its affinity. */
function targetOf(pod: Pod): string | undefined {
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return pod.spec.nodeName ?? terms[0]?.matchFields?.[0]?.values?.[0];
}

function podFor(set: DaemonSet, node: Node): Pod {
  const pod = podFrom(set.spec.template, set, { generateName: `${set.metadata.name}-` });
  pod.metadata.labels = { ...pod.metadata.labels, [revision]: templateHash(set.spec.template) };
  pod.spec.tolerations = tolerationsOf(set);
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node.metadata.name] }];
  pod.spec.affinity = {
    ...pod.spec.affinity,
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
  return pod;
}
