import type { Clock } from '../clock.ts';
import type { Pod } from '../cluster/objects.ts';
import { isReady, isTerminating } from '../cluster/pods.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import type { Journal } from '../journal/journal.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisTarget } from './settings.ts';

export interface MigrationTimeouts {
  pod: number;
  sync: number;
  failover: number;
}

/** What moving Redis needs. */
export interface MigrationContext {
  kubernetes: Kubernetes;
  clock: Clock;
  signal: AbortSignal;
  journal: Journal;
  /** Nodes that will leave. */
  nodes: ReadonlySet<string>;
  timeouts: MigrationTimeouts;
  failBack: boolean;
  say: (line: string) => void;
  /** Opens a connection to a port of a pod. */
  connect: (pod: Pod, port: number) => Promise<RedisConnection>;
  onMoved: (moved: Moved) => void;
}

/** One pod that was moved, for the summary. */
export interface Moved {
  pod: string;
  role: string;
  from: string;
  to: string;
  seconds: number;
}

/** Names an incident that a person must look at; nothing further is done. */
export class MigrationStopped extends Error {}

export async function podsOf(context: MigrationContext, target: RedisTarget, labels: string): Promise<Pod[]> {
  const { items } = await context.kubernetes.list('pods', {
    namespace: target.namespace,
    labelSelector: labels,
  });
  return items.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

export const ipOf = (pod: Pod): string => pod.status?.podIP ?? '';

export const mustLeave = (context: MigrationContext, pod: Pod): boolean =>
  context.nodes.has(pod.spec.nodeName ?? '');

export const isServing = (pod: Pod): boolean => isReady(pod) && !isTerminating(pod) && ipOf(pod) !== '';

/** Connections to pods, opened when first needed and forgotten when they break or their pod is replaced. */
export class Connections {
  readonly #context: MigrationContext;
  readonly #open = new Map<string, RedisConnection>();

  constructor(context: MigrationContext) {
    this.#context = context;
  }

  async call(pod: Pod, port: number, command: string, ...args: (string | number)[]): Promise<unknown> {
    const connection = await this.to(pod, port);
    try {
      return await connection.call(command, ...args);
    } catch (error) {
      if (!isReply(error)) this.#forget(pod, port);
      throw error;
    }
  }

  async to(pod: Pod, port: number): Promise<RedisConnection> {
    const key = `${pod.metadata.uid}:${port}`;
    const known = this.#open.get(key);
    if (known) return known;
    const opened = await this.#context.connect(pod, port);
    this.#open.set(key, opened);
    return opened;
  }

  close(): void {
    for (const connection of this.#open.values()) connection.close();
    this.#open.clear();
  }

  #forget(pod: Pod, port: number): void {
    const key = `${pod.metadata.uid}:${port}`;
    this.#open.get(key)?.close();
    this.#open.delete(key);
  }
}

/** Whether Redis itself said no, as opposed to a connection that broke. */
const isReply = (error: unknown): boolean => (error as { name?: string }).name === 'ReplyError';
