import type { Labels, Node, Pod } from '../../cluster/objects.ts';
import { isFinished } from '../../cluster/pods.ts';
import { claimNamesOf } from '../../cluster/volumes.ts';
import { selectedNode } from '../controllers/csi-driver.ts';
import type { Store } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Random } from '../world/random.ts';
import { filters } from './filters/index.ts';
import { place } from './occupancy.ts';
import { scoreOf } from './score.ts';
import type { NodeView, Snapshot } from './snapshot.ts';

const settleMs = 5;

/** The nodes that can take the pod, and why the others cannot. A pure function of the snapshot. */
export function feasibleNodes(
  pod: Pod,
  snapshot: Snapshot,
): { feasible: NodeView[]; reasons: Map<string, number> } {
  const reasons = new Map<string, number>();
  const feasible = snapshot.nodes.filter((view) => {
    for (const filter of filters) {
      const reason = filter(pod, view, snapshot);
      if (reason === undefined) continue;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      return false;
    }
    return true;
  });
  return { feasible, reasons };
}

export function snapshotOf(store: Store): Snapshot {
  return {
    nodes: store.list('nodes').map((node) => ({
      node,
      pods: store
        .list('pods', { fieldSelector: `spec.nodeName=${node.metadata.name}` })
        .filter((p) => !isFinished(p)),
    })),
    namespaces: store
      .list('namespaces')
      .map((n) => ({ name: n.metadata.name, labels: n.metadata.labels ?? {} })),
    claims: store.list('persistentvolumeclaims'),
    volumes: store.list('persistentvolumes'),
  };
}

/** Assigns pods to nodes whenever something changed that could matter; ties are broken by the seed. */
export function startScheduler({
  store,
  clock,
  random,
}: {
  store: Store;
  clock: WorldClock;
  random: Random;
}): { stop(): void } {
  let cancel: (() => void) | undefined;
  let stopped = false;
  const soon = () => {
    if (stopped || cancel) return;
    cancel = clock.after(settleMs, () => {
      cancel = undefined;
      schedulePending(store, random, clock.now());
    });
  };
  for (const resource of ['nodes', 'pods', 'persistentvolumeclaims', 'persistentvolumes'] as const)
    store.subscribe(resource, soon);
  soon();
  return {
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}

function schedulePending(store: Store, random: Random, now: number): void {
  const pending = store
    .list('pods', { fieldSelector: 'spec.nodeName=' })
    .filter(
      (p) =>
        !p.metadata.deletionTimestamp &&
        (p.spec.schedulerName ?? 'default-scheduler') === 'default-scheduler',
    )
    .sort(
      (a, b) =>
        (b.spec.priority ?? 0) - (a.spec.priority ?? 0) ||
        Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion),
    );
  if (pending.length === 0) return;
  const snapshot = snapshotOf(store);
  for (const pod of pending) {
    const { feasible, reasons } = feasibleNodes(pod, snapshot);
    const best = pick(pod, feasible, snapshot, random);
    if (best) {
      bind(store, pod, best, now);
      place(snapshot, best, store.get('pods', pod.metadata) ?? pod);
    } else refuse(store, pod, snapshot.nodes.length, reasons, now);
  }
}

function pick(pod: Pod, feasible: NodeView[], snapshot: Snapshot, random: Random): NodeView | undefined {
  if (feasible.length === 0) return undefined;
  const scores = feasible.map((view) => scoreOf(pod, view, snapshot));
  const highest = Math.max(...scores);
  return random.pick(feasible.filter((_, i) => (scores[i] ?? 0) >= highest - 1e-6));
}

function bind(store: Store, pod: Pod, { node }: NodeView, now: number): void {
  const namespace = pod.metadata.namespace ?? '';
  for (const name of claimNamesOf(pod))
    store.modify('persistentvolumeclaims', { namespace, name }, (draft) => {
      if (!draft.spec.volumeName)
        draft.metadata.annotations = { ...draft.metadata.annotations, [selectedNode]: node.metadata.name };
    });
  store.modify('pods', pod.metadata, (draft) => {
    draft.spec.nodeName = node.metadata.name;
    draft.metadata.labels = { ...draft.metadata.labels, ...topologyOf(node) };
    const conditions = (draft.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
    const scheduled = {
      type: 'PodScheduled',
      status: 'True' as const,
      lastTransitionTime: new Date(now).toISOString(),
    };
    draft.status = { ...draft.status, conditions: [...conditions, scheduled] };
  });
}

/** The labels that the admission plugin PodTopologyLabels copies from the node. */
function topologyOf({ metadata }: Node): Labels {
  const keys = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];
  return Object.fromEntries(Object.entries(metadata.labels ?? {}).filter(([key]) => keys.includes(key)));
}

function refuse(store: Store, pod: Pod, nodes: number, reasons: Map<string, number>, now: number): void {
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  const message = `0/${nodes} nodes are available: ${parts.join(', ') || 'no nodes'}.`;
  const known = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  if (known?.message === message) return;
  store.modify('pods', pod.metadata, (draft) => {
    const conditions = (draft.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
    const failed = {
      type: 'PodScheduled',
      status: 'False' as const,
      reason: 'Unschedulable',
      message,
      lastTransitionTime: new Date(now).toISOString(),
    };
    draft.status = { ...draft.status, conditions: [...conditions, failed] };
  });
  store.create('events', {
    metadata: { name: '', generateName: `${pod.metadata.name}.`, namespace: pod.metadata.namespace ?? '' },
    involvedObject: {
      kind: 'Pod',
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      uid: pod.metadata.uid ?? '',
    },
    reason: 'FailedScheduling',
    message,
    type: 'Warning',
    count: 1,
    lastTimestamp: new Date(now).toISOString(),
    source: { component: 'default-scheduler' },
  });
}
