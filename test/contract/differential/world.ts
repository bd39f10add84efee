import type { PodDisruptionBudget } from '../../../src/cluster/objects.ts';
import type { Manifest } from '../../../src/rehearsal/scenario/objects.ts';
import type { Machine } from '../../../src/rehearsal/world/machine.ts';

/**
 * Where the pods of a workload can run. Every kind but `anywhere` leaves the scheduler no choice of how many pods end up on
 * which node; `anywhere` leaves it every choice, and only totals are compared.
 */
export type Placement =
  | { how: 'anywhere' }
  /** All on one node, by its label `slot`. */
  | { how: 'pinned'; slot: string }
  /** At least as many replicas as fit: every node is full, the rest is Pending. */
  | { how: 'filling'; by: 'anti-affinity' | 'host port' | 'cpu' | 'pods' }
  /** DoNotSchedule with a skew of one and the same number of replicas per node. */
  | { how: 'spread'; topologyKey: string }
  | { how: 'every node' };

export type WorkloadResource = 'deployments' | 'replicasets' | 'statefulsets' | 'daemonsets';

export type WorkloadManifest = Extract<Manifest, { resource: WorkloadResource }>;

export interface Workload {
  resource: WorkloadResource;
  name: string;
  placement: Placement;
  replicas: number;
  /** Its pods have a readiness gate that nobody opens: they run and are never ready. */
  gated: boolean;
  /** A StatefulSet that starts its pods one after the other. */
  ordered: boolean;
  manifest: WorkloadManifest;
}

/** A small world in a namespace and on nodes of its own, so that many share one cluster without touching each other. */
export interface World {
  seed: number;
  /** The namespace, and the value of the label `world` on its nodes. */
  name: string;
  /** The first is never closed and has room for everything that may run anywhere. */
  machines: Machine[];
  workloads: Workload[];
  budgets: PodDisruptionBudget[];
}

export const dedicated = { key: 'dedicated', value: 'batch', effect: 'NoSchedule' } as const;

/** The taint that plays put on nodes; some pods tolerate it for a while when it is NoExecute. */
export const maintenance = 'maintenance';
