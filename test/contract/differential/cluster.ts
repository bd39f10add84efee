import type { Pod } from '../../../src/cluster/objects.ts';
import type { Kubernetes } from '../../../src/cluster/ports.ts';
import type { Machine } from '../../../src/rehearsal/world/machine.ts';

/** A cluster that worlds are played to: the embedded one, or a real control plane with machines that only pretend to run. */
export interface PlayedCluster {
  kubernetes: Kubernetes;
  /** Where `kubernetes` lists from a copy, which may lag: the pods that the API server has now. */
  podsNow?(namespace: string): Promise<Pod[]>;
  /** Power on: the machine registers its Node some time later. */
  boot(machine: Machine): void | Promise<void>;
  /** Power off, and the instance is gone for good. */
  halt(instanceId: string): void | Promise<void>;
  /** Acts while no pod of the namespace starts, as where no time passes: how long the API takes must not matter. */
  act?<T>(namespace: string, action: () => Promise<T>): Promise<T>;
  /** Lets `ms` of the cluster's own time pass. */
  pause(ms: number): Promise<void>;
}
