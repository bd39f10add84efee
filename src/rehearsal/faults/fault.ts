import type { Pod } from '../../cluster/objects.ts';
import type { Manifest } from '../scenario/objects.ts';
import type { Machine } from '../world/machine.ts';
import type { Random } from '../world/random.ts';

/** A request to the embedded Kubernetes API, as a fault sees it. */
export interface SeenRequest {
  method: string;
  path: string;
}

/** A call to the embedded AWS, as a fault sees it. */
export interface SeenCall {
  service: string;
  action: string;
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
  /** A machine that boots and never registers its Node. */
  neverJoins?(machine: Machine): boolean;
  /** How much longer the containers of a pod take to start. */
  startDelayMs?(pod: Pod): number;
  /** AWS's reason for not launching an instance; undefined launches it. */
  launchFailure?(group: string, zone: string, instanceType: string): string | undefined;
  /** An answer of the API server in place of the real one. */
  kubernetes?(
    request: SeenRequest,
    random: Random,
  ): { status: number; reason: string; message: string; retryAfterSeconds?: number } | undefined;
  /** An answer of AWS in place of the real one. */
  aws?(call: SeenCall, random: Random): { status: number; code: string; message: string } | undefined;
  /** Workflow inputs that make the fault show in minutes instead of hours. */
  inputs?: Record<string, string>;
  /** What the workflow's output must name for the rehearsal of this fault to count as explained. */
  explained: { byWords: RegExp[]; conclusion: 'success' | 'failure' };
}
