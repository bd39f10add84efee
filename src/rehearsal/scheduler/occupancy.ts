import type { Pod } from '../../cluster/objects.ts';
import { quantity } from '../../cluster/quantities.ts';
import { requestsOf } from './filters/resources.ts';
import type { NodeView, Snapshot } from './snapshot.ts';

export interface Placed {
  pod: Pod;
  view: NodeView;
}

/** What every decision asks of a snapshot, kept beside it: a cluster of a thousand nodes is not searched whole for each pod. */
interface Occupancy {
  total: number;
  byNamespace: Map<string, Placed[]>;
  /** Those that keep others away. */
  repelling: Placed[];
}

const known = new WeakMap<Snapshot, Occupancy>();

function occupancyOf(snapshot: Snapshot): Occupancy {
  let found = known.get(snapshot);
  if (found) return found;
  found = { total: 0, byNamespace: new Map(), repelling: [] };
  for (const view of snapshot.nodes) for (const pod of view.pods) add(found, { pod, view });
  known.set(snapshot, found);
  return found;
}

/** Puts a pod on a node of the snapshot; the one way in which a snapshot that has been asked may change. */
export function place(snapshot: Snapshot, view: NodeView, pod: Pod): void {
  view.pods.push(pod);
  const occupancy = known.get(snapshot);
  if (occupancy) add(occupancy, { pod, view });
}

function add(to: Occupancy, placed: Placed): void {
  const { metadata, spec } = placed.pod;
  const namespace = metadata.namespace ?? '';
  const there = to.byNamespace.get(namespace);
  if (there) there.push(placed);
  else to.byNamespace.set(namespace, [placed]);
  if (spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length)
    to.repelling.push(placed);
  to.total++;
}

/** The pods of a namespace with their nodes. */
export const placedIn = (snapshot: Snapshot, namespace: string): readonly Placed[] =>
  occupancyOf(snapshot).byNamespace.get(namespace) ?? [];

/** The pods with a required anti-affinity, with their nodes. */
export const repelling = (snapshot: Snapshot): readonly Placed[] => occupancyOf(snapshot).repelling;

/** Grows with every pod that is placed. */
export const totalPlaced = (snapshot: Snapshot): number => occupancyOf(snapshot).total;

const capacities = new WeakMap<NodeView, Record<string, number>>();

/** What a node can give, in numbers; `pods` is 110 unless it says otherwise. */
export function capacityOf(view: NodeView): Readonly<Record<string, number>> {
  let found = capacities.get(view);
  if (!found) {
    const allocatable = Object.entries(view.node.status?.allocatable ?? {});
    found = { pods: 110, ...Object.fromEntries(allocatable.map(([name, text]) => [name, quantity(text)])) };
    capacities.set(view, found);
  }
  return found;
}

const used = new WeakMap<NodeView, { pods: number; requests: Record<string, number> }>();

/** What the pods of a node ask for together. */
export function usedOn(view: NodeView): Readonly<Record<string, number>> {
  let found = used.get(view);
  if (!found) {
    found = { pods: 0, requests: {} };
    used.set(view, found);
  }
  for (; found.pods < view.pods.length; found.pods++) {
    const pod = view.pods[found.pods] as Pod;
    for (const [name, value] of Object.entries(requestsOf(pod)))
      found.requests[name] = (found.requests[name] ?? 0) + value;
  }
  return found.requests;
}
