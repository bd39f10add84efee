import type { Clock } from '../clock.ts';
import type { Pod } from '../cluster/objects.ts';
import { isReady, isTerminating, podName } from '../cluster/pods.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import type { Journal } from '../journal/journal.ts';
import { messageOf } from '../text.ts';
import { type Look, type WaitOptions, waitUntil } from '../wait.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisTarget } from './settings.ts';

/** By the name that the user knows, without `-timeout`. */
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
  onFailover: (failover: Failover) => void;
}

/** One pod that was moved, for the summary. */
export interface Moved {
  pod: string;
  role: string;
  from: string;
  to: string;
  seconds: number;
}

/** One change of master, for the summary. */
export interface Failover {
  redis: string;
  from: string;
  to: string;
  /** How long writes waited, at most. */
  pauseMs: number;
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

/** A connection broke or could not be made; what was asked may or may not have happened. */
export class ConnectionBroken extends Error {}

const readAttempts = 2;
const reads = new Set([
  'INFO',
  'ROLE',
  'DBSIZE',
  'CONFIG GET',
  'CLUSTER NODES',
  'CLUSTER MYID',
  'SENTINEL MASTER',
  'SENTINEL REPLICAS',
  'SENTINEL SENTINELS',
  'SENTINEL CKQUORUM',
  'SENTINEL GET-MASTER-ADDR-BY-NAME',
  'PING',
]);

/** Redis closes connections when roles change: what only reads may be asked again. */
const onlyReads = (command: string, second: string | number | undefined): boolean =>
  reads.has(command) || reads.has(`${command} ${second}`);

/** The options that every wait of a migration shares. */
export function waiting(
  context: MigrationContext,
  what: string,
  timeout: keyof MigrationTimeouts,
  pollMs = 250,
): WaitOptions {
  const { clock, signal, say, timeouts } = context;
  return {
    what,
    timeoutName: `${timeout}-timeout`,
    timeoutMs: timeouts[timeout],
    pollMs,
    clock,
    signal,
    say,
  };
}

/** Waits like waitUntil, and takes a connection that broke for one more thing to wait for: pods come and go meanwhile. */
export function waitPatiently<T>(look: () => Promise<Look<T>>, options: WaitOptions): Promise<T> {
  return waitUntil(async () => {
    try {
      return await look();
    } catch (error) {
      if (error instanceof ConnectionBroken) return { waiting: error.message };
      throw error;
    }
  }, options);
}

/** Connections to pods, opened when first needed and forgotten when they break. A replaced pod has another UID. */
export class Connections {
  readonly #context: MigrationContext;
  readonly #open = new Map<string, Promise<RedisConnection>>();

  constructor(context: MigrationContext) {
    this.#context = context;
  }

  /** @throws ReplyError in Redis's own words, ConnectionBroken when the answer is not known. */
  async call(pod: Pod, port: number, command: string, ...args: (string | number)[]): Promise<unknown> {
    const attempts = onlyReads(command, args[0]) ? readAttempts : 1;
    for (let n = 1; ; n++) {
      try {
        return await (await this.to(pod, port)).call(command, ...args);
      } catch (error) {
        if (isLoading(error)) throw new ConnectionBroken(`${podName(pod)} is still loading its data`);
        if (isReply(error)) throw error;
        this.forget(pod, port);
        if (n >= attempts) throw new ConnectionBroken(`${podName(pod)}: ${messageOf(error)}`);
      }
    }
  }

  /** All or nothing. @throws like call. */
  async transaction(
    pod: Pod,
    port: number,
    commands: readonly (readonly (string | number)[])[],
  ): Promise<void> {
    try {
      await (await this.to(pod, port)).transaction(commands);
    } catch (error) {
      if (isReply(error)) throw error;
      this.forget(pod, port);
      throw new ConnectionBroken(`${podName(pod)}: ${messageOf(error)}`);
    }
  }

  to(pod: Pod, port: number): Promise<RedisConnection> {
    const key = `${pod.metadata.uid}:${port}`;
    let opening = this.#open.get(key);
    if (!opening) {
      opening = this.#context.connect(pod, port);
      this.#open.set(key, opening);
      opening.catch(() => this.#open.delete(key));
    }
    return opening;
  }

  forget(pod: Pod, port: number): void {
    const key = `${pod.metadata.uid}:${port}`;
    this.#open.get(key)?.then(
      (c) => c.close(),
      () => {},
    );
    this.#open.delete(key);
  }

  close(): void {
    for (const opening of this.#open.values())
      opening.then(
        (c) => c.close(),
        () => {},
      );
    this.#open.clear();
  }
}

/** Whether Redis itself said no, as opposed to a connection that broke. */
const isReply = (error: unknown): boolean => (error as { name?: string }).name === 'ReplyError';

const isLoading = (error: unknown): boolean => /^LOADING/.test(messageOf(error));
