import type { Taint } from '../../src/cluster/objects.ts';
import type { Kubernetes } from '../../src/cluster/ports.ts';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: the body is whatever the server says, which is what the cases are about.
  body: any;
}

export interface RequestOptions {
  body?: unknown;
  contentType?: string;
  query?: Record<string, string>;
}

export interface WatchLine {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  // biome-ignore lint/suspicious/noExplicitAny: an object of any kind, or a Status.
  object: any;
}

export interface BootOptions {
  zone: string;
  labels?: Record<string, string>;
  taints?: Taint[];
  /** Allocatable pods and CPU. */
  pods?: string;
  cpu?: string;
}

/** A control plane under contract, reached over HTTPS alone, and machines that can be powered on and off. */
export interface Target {
  name: string;
  /** The product's own client, as administrator. */
  kubernetes: Kubernetes;
  /** A raw request as administrator; never throws for a status. */
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** Raw watch events; ends when the signal aborts or the server closes it. */
  watch(path: string, query: Record<string, string>, signal: AbortSignal): AsyncIterable<WatchLine>;
  /** Powers a machine on and waits until its Node is Ready; returns the Node's name. */
  boot(options: BootOptions): Promise<string>;
  /** Power off: heartbeats stop and processes die; with `gone` the cloud no longer knows the instance. */
  halt(node: string, options?: { gone?: boolean }): Promise<void>;
  /** A container of this image answers HTTP on this port; every other image may be weightless. */
  web: { image: string; port: number };
  limits: {
    /** For what controllers, scheduler and kubelets do at once. */
    soonMs: number;
    /** From the last heartbeat of a node until all of it is known to be unreachable. */
    unreachableMs: number;
    /** From the deletion of a Node until the pods that were on it are gone. */
    podGarbageMs: number;
  };
  /** Makes every present resourceVersion too old to watch Jobs from. */
  forgetHistory(): Promise<void>;
  close(): Promise<void>;
}
