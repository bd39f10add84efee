import type { Node, Taint } from '../../cluster/objects.ts';
import { rfc3339 } from '../../cluster/times.ts';
import type { Store } from '../kubernetes/store.ts';
import { TaintEviction } from './taint-eviction.ts';
import { type ControllerOptions, Worker } from './worker.ts';

/** Silence of a kubelet after which its node counts as unreachable (node-monitor-grace-period). */
const defaultGraceMs = 40_000;
const monitorMs = 5000;

/**
 * Marks nodes whose kubelet has fallen silent, evicts by NoExecute taints, and deletes the Node of an instance that is gone,
 * as the node lifecycle and cloud node lifecycle controllers do. Kubelets renew the Lease kube-node-lease/<node>.
 */
export function startNodeLifecycle(options: ControllerOptions): () => void {
  const { store, clock, cloud, nodeMonitorGraceMs = defaultGraceMs } = options;
  const eviction = new TaintEviction(store);
  const worker = new Worker(clock, (name) => {
    const node = store.get('nodes', { name });
    if (!node) return;
    if (!cloud.instanceExists(instanceOf(node))) {
      store.remove('nodes', { name });
      return;
    }
    monitor(store, node, clock.now(), nodeMonitorGraceMs);
    eviction.evict(name, clock.now(), (ms) => worker.enqueue(name, ms));
    worker.enqueue(name, monitorMs);
  });
  store.subscribe('nodes', ({ object }) => worker.enqueue(object.metadata.name));
  store.subscribe('pods', ({ object, previous }) => {
    const { nodeName } = object.spec;
    if (nodeName && previous?.spec.nodeName !== nodeName) worker.enqueue(nodeName);
  });
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

function monitor(store: Store, node: Node, now: number, graceMs: number): void {
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
        lastTransitionTime: rfc3339(now),
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
