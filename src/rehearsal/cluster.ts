import type { AwsWorld } from './aws/world.ts';
import type { FaultAtWork } from './faulty/at-work.ts';
import type { RunningMachineRoom } from './kubelet/machine-room.ts';
import type { Objects } from './kubernetes/store.ts';
import type { Manifest } from './scenario/objects.ts';
import type { WorldClock } from './world/clock.ts';
import type { Random } from './world/random.ts';

/** A whole cluster and the account that it runs in, whichever control plane it has. */
export interface Cluster {
  clock: WorldClock;
  random: Random;
  store: Objects;
  aws: AwsWorld;
  machines: RunningMachineRoom;
  fault: FaultAtWork;
  /** Faults show only once this was called: the cluster must be able to start. */
  enableFault(): void;
  /** @throws Error when an object is refused. */
  apply(manifests: readonly Manifest[]): Promise<void>;
  stop(): Promise<void>;
}

/** Where programs that know nothing of the rehearsal find a cluster and its account. */
export interface Endpoints {
  api: { url: string; kubeconfig(): string };
  aws: { url: string };
  /** What a program needs in its environment to reach both, and nothing else. */
  environment: Record<string, string>;
  close(): Promise<void>;
}
