import type { Node, Taint } from '../../cluster/objects.ts';
import { isTerminating } from '../../cluster/pods.ts';
import { tolerates } from '../../cluster/taints.ts';
import type { Store } from '../kubernetes/store.ts';
import { type ControllerOptions, Worker } from './worker.ts';

/** Silence of a kubelet after which its node counts as unreachable (node-monitor-grace-period). */
const graceMs = 40_000;
const monitorMs = 5000;

/**
 * Marks nodes whose kubelet has fallen silent, evicts by NoExecute taints, and deletes the Node of an instance that is gone,
 * as the node lifecycle and cloud node lifecycle controllers do. Kubelets renew the Lease kube-node-lease/<node>.
 */
export function startNodeLifecycle({ store, clock, cloud }: ControllerOptions): () => void {
  const worker = new Worker(clock, (name) => {
    const node = store.get('nodes', { name });
    if (!node) return;
    if (!cloud.instanceExists(instanceOf(node))) {
      store.remove('nodes', { name });
      return;
    }
    monitor(store, node, clock.now());
    evictByTaints(store, node, clock.now(), (ms) => worker.enqueue(name, ms));
    worker.enqueue(name, monitorMs);
  });
  store.subscribe('nodes', ({ object }) => worker.enqueue(object.metadata.name));
  cloud.onGone((id) => {
    for (const node of store.list('nodes')) if (instanceOf(node) === id) worker.enqueue(node.metadata.name);
  });
  return () => worker.stop();
}

const instanceOf = (node: Node): string => node.spec.providerID?.split('/').at(-1) ?? '';

const notReadyKey = 'node.kubernetes.io/not-ready';
const unreachableKey = 'node.kubernetes.io/unreachable';
const cordonedKey = 'node.kubernetes.io/unschedulable';
const ownKeys = [notReadyKey, unreachableKey, cordonedKey];

/** The taints that a node's Ready condition and a cordon ask for. */
function taintsFor(ready: string | undefined, unschedulable: boolean | undefined): Taint[] {
  const cordoned: Taint[] = unschedulable ? [{ key: cordonedKey, effect: 'NoSchedule' }] : [];
  const key = ready === 'Unknown' ? unreachableKey : notReadyKey;
  return ready === 'True'
    ? cordoned
    : [...cordoned, { key, effect: 'NoSchedule' }, { key, effect: 'NoExecute' }];
}

function monitor(store: Store, node: Node, now: number): void {
  const { name } = node.metadata;
  const lease = store.get('leases', { namespace: 'kube-node-lease', name });
  const heard = Date.parse(lease?.spec.renewTime ?? node.metadata.creationTimestamp ?? '');
  const silent = now - heard > graceMs;
  store.modify('nodes', { name }, (draft) => {
    const ready = draft.status?.conditions?.find((c) => c.type === 'Ready');
    if (silent && ready && ready.status !== 'Unknown') {
      Object.assign(ready, {
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: new Date(now).toISOString(),
      });
    }
    const others = (draft.spec.taints ?? []).filter((t) => !ownKeys.includes(t.key));
    const taints = [...others, ...taintsFor(ready?.status, draft.spec.unschedulable)];
    if (taints.length > 0) draft.spec.taints = taints;
    else delete draft.spec.taints;
  });
  if (!silent) return;
  for (const pod of store.list('pods', { fieldSelector: `spec.nodeName=${name}` })) {
    store.modify('pods', pod.metadata, (draft) => {
      const ready = draft.status?.conditions?.find((c) => c.type === 'Ready');
      if (ready) ready.status = 'False';
    });
  }
}

/** Taint-based eviction: pods that do not tolerate a NoExecute taint go now, those that do for a while go after it. */
function evictByTaints(store: Store, node: Node, now: number, lookAgain: (ms: number) => void): void {
  const taints = (store.get('nodes', node.metadata)?.spec.taints ?? []).filter(
    (t) => t.effect === 'NoExecute',
  );
  if (taints.length === 0) return;
  for (const pod of store.list('pods', { fieldSelector: `spec.nodeName=${node.metadata.name}` })) {
    if (isTerminating(pod)) continue;
    const waits = taints.map((taint) => {
      const tolerations = (pod.spec.tolerations ?? []).filter((t) => tolerates(t, taint));
      if (tolerations.length === 0) return 0;
      return Math.min(...tolerations.map((t) => (t.tolerationSeconds ?? Number.POSITIVE_INFINITY) * 1000));
    });
    const wait = Math.min(...waits);
    const since =
      Date.parse(
        store.get('leases', { namespace: 'kube-node-lease', name: node.metadata.name })?.spec.renewTime ?? '',
      ) || now;
    if (now - since >= wait) store.remove('pods', pod.metadata);
    else if (Number.isFinite(wait)) lookAgain(wait - (now - since));
  }
}
