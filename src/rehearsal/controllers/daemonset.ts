import { matchesNodeSelection } from '../../cluster/node-selection.ts';
import type { DaemonSet, Node, Pod, Toleration } from '../../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../../cluster/pods.ts';
import { untolerated } from '../../cluster/taints.ts';
import type { Store } from '../kubernetes/store.ts';
import { podFrom } from './pod-template.ts';
import { type ControllerOptions, controllerOf, keyOf, refOf, Worker } from './worker.ts';

/** Runs one pod on every node that should have one. */
export function startDaemonSets({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => reconcile(store, key));
  const all = () => {
    for (const set of store.list('daemonsets')) worker.enqueue(keyOf(set));
  };
  store.subscribe('daemonsets', ({ object }) => worker.enqueue(keyOf(object)));
  store.subscribe('nodes', all);
  store.subscribe('pods', ({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'DaemonSet') worker.enqueue(`${object.metadata.namespace}/${owner.name}`);
  });
  return () => worker.stop();
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
  const pods = store
    .list('pods', { namespace: set.metadata.namespace ?? '' })
    .filter((p) => controllerOf(p)?.uid === set.metadata.uid);
  const nodes = store.list('nodes');
  const running = nodes.filter((node) => shouldRun(set, node).run);
  for (const node of running) {
    if (!pods.some((p) => targetOf(p) === node.metadata.name && !isFinished(p)))
      store.create('pods', podFor(set, node));
  }
  for (const pod of pods) {
    const node = nodes.find((n) => n.metadata.name === targetOf(pod));
    if (node && !isTerminating(pod) && (isFinished(pod) || !shouldRun(set, node).stay))
      store.remove('pods', pod.metadata);
  }
  const present = pods.filter((p) => !isTerminating(p));
  store.modify('daemonsets', set.metadata, (draft) => {
    draft.status = {
      ...(set.metadata.generation ? { observedGeneration: set.metadata.generation } : {}),
      desiredNumberScheduled: running.length,
      currentNumberScheduled: present.length,
      updatedNumberScheduled: present.length,
      numberReady: present.filter(isReady).length,
      numberAvailable: present.filter(isReady).length,
      numberUnavailable: Math.max(0, running.length - present.filter(isReady).length),
      numberMisscheduled: 0,
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
