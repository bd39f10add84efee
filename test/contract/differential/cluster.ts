import type { Kubernetes } from '../../../src/cluster/ports.ts';
import type { Machine } from '../../../src/rehearsal/world/machine.ts';

/** A cluster that worlds are played to: the embedded one, or a real control plane with machines that only pretend to run. */
export interface PlayedCluster {
  kubernetes: Kubernetes;
  /** Power on: the machine registers its Node some time later. */
  boot(machine: Machine): void | Promise<void>;
  /** Power off, and the instance is gone for good. */
  halt(instanceId: string): void | Promise<void>;
  /** Lets `ms` of the cluster's own time pass. */
  pause(ms: number): Promise<void>;
}
