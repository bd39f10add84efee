import type { Pod } from '../../cluster/objects.ts';
import type { AwsDescription } from '../aws/state.ts';
import type { Cluster } from '../cluster.ts';
import type { Manifest } from '../scenario/objects.ts';
import type { Machine } from '../world/machine.ts';
import type { Random } from '../world/random.ts';

/** A request to the embedded Kubernetes API, as a fault sees it. */
export interface SeenRequest {
  method: string;
  path: string;
  /** A watch, and not a read. */
  watch?: boolean;
}

/** A call to the embedded AWS, as a fault sees it. */
export interface SeenCall {
  service: string;
  action: string;
}

/** What the API server says in place of the real answer. */
export interface Refusal {
  status: number;
  reason: string;
  message: string;
  retryAfterSeconds?: number;
}

/** The cluster in which a fault happens. */
export interface Scene extends Pick<Cluster, 'clock' | 'store' | 'aws'> {
  random: Random;
  /** Boot and AWS durations are divided by this. */
  factor: number;
  /** Says that the fault itself destroys what runs on this instance: no rotation could have saved its pods. */
  destroys(instanceId: string): void;
  /** Whether the fault is over. */
  over(): boolean;
}

/**
 * Something that goes wrong in the embedded cluster. Every hook is optional and is asked at the moment it matters; a fault
 * is one file in this folder, named in `index.ts`.
 */
export interface Fault {
  /** As in `--fault <name>`. */
  name: string;
  /** What goes wrong, in one line for `--help`. */
  what: string;
  /** Changes what is created at the start. */
  manifests?(present: Manifest[]): Manifest[];
  /** Changes the account before it starts. */
  account?(description: AwsDescription): void;
  /** A machine that boots and never registers its Node. */
  neverJoins?(machine: Machine): boolean;
  /** How much longer a machine takes to boot, before the factor. */
  bootDelayMs?(machine: Machine): number;
  /** How much longer the containers of a pod take to start. */
  startDelayMs?(pod: Pod): number;
  /** AWS's reason for not launching an instance; undefined launches it. */
  launchFailure?(group: string, zone: string, instanceType: string): string | undefined;
  /**
   * An answer of the API server in place of the real one; `no connection` is none at all.
   * @param sinceMs how long ago the fault began
   */
  kubernetes?(request: SeenRequest, random: Random, sinceMs: number): Refusal | 'no connection' | undefined;
  /** An answer of AWS in place of the real one. */
  aws?(call: SeenCall, random: Random): { status: number; code: string; message: string } | undefined;
  /** How old an answer may be that AWS gives once more in place of the present one; 0 for none. */
  staleMs?(call: SeenCall, random: Random): number;
  /** How long a watch lasts before its connection breaks. */
  watchMs?(random: Random): number;
  /** What happens by itself once the fault has begun. */
  happens?(scene: Scene): void;
  /** What a person does to end the fault, when its being over is not enough. */
  ends?(scene: Scene): void;
  /** Workflow inputs that make the fault show in minutes instead of hours. */
  inputs?: Record<string, string>;
  /** What the workflow's output must name for the rehearsal of this fault to count as explained. */
  explained: { byWords: RegExp[]; conclusion: 'success' | 'failure' };
}
