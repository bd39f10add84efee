import { systemClock } from '../../src/clock.ts';
import type { Pod } from '../../src/cluster/objects.ts';
import type { Kubernetes } from '../../src/cluster/ports.ts';
import { matchesLabelQuery } from '../../src/cluster/selectors.ts';
import type { Journal, Json } from '../../src/journal/journal.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import type { Failover, MigrationContext, Moved } from '../../src/redis/context.ts';
import { dial, newAddress, type Server } from './servers.ts';

export const oldNode = 'old-node';
export const newNode = 'new-node';

interface Entry {
  pod: Pod;
  server: Server;
}

/** How a pod of a StatefulSet gets its process; called again, with another address, when it is recreated. */
export type Start = (ip: string, name: string) => Promise<Server> | Server;

/**
 * Just enough of Kubernetes for Redis to move: pods that are real processes, and StatefulSets that bring an evicted pod back
 * under its name on another address and on the new node.
 */
export class PodWorld {
  readonly entries = new Map<string, Entry>();
  readonly #starts = new Map<string, Start>();
  readonly #sets = new Map<string, number>();
  #uids = 0;

  async statefulSet(name: string, replicas: number, start: Start): Promise<void> {
    this.#sets.set(name, replicas);
    for (let i = 0; i < replicas; i++) {
      this.#starts.set(`${name}-${i}`, start);
      await this.#run(`${name}-${i}`, { app: name }, oldNode, start);
    }
  }

  server = (name: string): Server => this.#entry(name).server;
  pod = (name: string): Pod => this.#entry(name).pod;
  servers = (app: string): Server[] =>
    [...this.entries.values()].filter((e) => e.pod.metadata.labels?.app === app).map((e) => e.server);

  #entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`no pod ${name}`);
    return entry;
  }

  async #run(name: string, labels: Record<string, string>, node: string, start: Start): Promise<Pod> {
    const ip = newAddress();
    const app = labels.app;
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: app ?? '', uid: 's', controller: true };
    const pod: Pod = {
      metadata: {
        name,
        namespace: 'shop',
        uid: `uid-${++this.#uids}`,
        labels,
        ...(app ? { ownerReferences: [owner] } : {}),
      },
      spec: { nodeName: node, containers: [{ name: 'redis' }] },
      status: { phase: 'Running', podIP: ip },
    };
    const entry = { pod, server: await start(ip, name) };
    this.entries.set(name, entry);
    await entry.server.up();
    entry.pod = {
      ...pod,
      status: { ...pod.status, conditions: [{ type: 'Ready', status: 'True' }] },
    };
    return entry.pod;
  }

  async #evict(name: string, uid: string): Promise<'accepted' | 'gone'> {
    const entry = this.entries.get(name);
    if (!entry || entry.pod.metadata.uid !== uid) return 'gone';
    const start = this.#starts.get(name);
    entry.pod = { ...entry.pod, metadata: { ...entry.pod.metadata, deletionTimestamp: 'now' } };
    void entry.server.stop().then(async () => {
      this.entries.delete(name);
      if (start) await this.#run(name, entry.pod.metadata.labels ?? {}, newNode, start);
    });
    return 'accepted';
  }

  kubernetes(): Kubernetes {
    const port: Partial<Kubernetes> = {
      list: (async (_resource: string, query: { labelSelector?: string }) => ({
        items: [...this.entries.values()]
          .map((e) => e.pod)
          .filter((pod) => matchesLabelQuery(query.labelSelector, pod.metadata.labels)),
        resourceVersion: '1',
      })) as never,
      get: (async (resource: string, ref: { name: string }) => {
        if (resource === 'pods') return this.entries.get(ref.name)?.pod;
        if (resource === 'nodes') return { metadata: { name: ref.name }, spec: {} };
        const replicas = this.#sets.get(ref.name);
        return replicas === undefined ? undefined : { metadata: { name: ref.name }, spec: { replicas } };
      }) as never,
      evict: async ({ name, uid }) => ({ kind: await this.#evict(name, uid) }),
      portForward: async ({ name }, at) => dial(this.server(name).ip, at),
    };
    return port as Kubernetes;
  }
}

/** A journal in memory that outlives a process that was killed. */
export function memoryJournal(): Journal {
  const values = new Map<string, Json>();
  const notes = new Map<string, Json>();
  return {
    runId: 'run-1',
    before: async (key, value) => void (values.has(key) || values.set(key, value)),
    valueBefore: (key) => values.get(key),
    outstanding: (prefix = '') =>
      [...values].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value })),
    restored: async (key) => void values.delete(key),
    note: async (key, value) => void notes.set(key, value),
    noted: (key) => notes.get(key),
  };
}

export interface Run {
  context: MigrationContext;
  moved: Moved[];
  failovers: Failover[];
  lines: string[];
  /** Commands that change something, in the order they were sent. */
  commands: string[];
}

const reading =
  /^(INFO|PING|ROLE|DBSIZE|CONFIG GET|CLUSTER (NODES|MYID)|SENTINEL (MASTER|REPLICAS|SENTINELS|CKQUORUM|GET-))/;

/** What a migration is handed. Once a command that changes something matches `killAfter`, nothing gets through any more. */
export function runOn(world: PodWorld, journal: Journal, options: { killAfter?: RegExp } = {}): Run {
  const [moved, failovers, lines, commands]: [Moved[], Failover[], string[], string[]] = [[], [], [], []];
  let dead = false;
  const alive = (): void => {
    if (dead) throw new Killed();
  };
  const changed = (what: string): void => {
    if (reading.test(what)) return;
    commands.push(what);
    if (options.killAfter?.test(what)) dead = true;
  };
  const real = world.kubernetes();
  const kubernetes = new Proxy(real, {
    get: (target, name: keyof Kubernetes) => {
      if (typeof target[name] !== 'function') return undefined;
      return async (...args: unknown[]) => {
        alive();
        const answer = await (target[name] as (...a: unknown[]) => Promise<unknown>)(...args);
        if (name === 'evict') changed(`kubernetes ${name}`);
        alive();
        return answer;
      };
    },
  });
  const context: MigrationContext = {
    kubernetes,
    clock: systemClock,
    signal: new AbortController().signal,
    journal,
    nodes: new Set([oldNode]),
    timeouts: { pod: 10_000, sync: 10_000, failover: 20_000 },
    failBack: true,
    say: (line) => void lines.push(line),
    async connect(pod, port) {
      alive();
      const connection = await connectRedis(() =>
        kubernetes.portForward({ namespace: 'shop', name: pod.metadata.name }, port),
      );
      return {
        ...connection,
        async call(command, ...args) {
          alive();
          const answer = await connection.call(command, ...args);
          changed([command, ...args].join(' '));
          alive();
          return answer;
        },
        async transaction(list) {
          alive();
          await connection.transaction(list);
          changed(`MULTI ${list[0]?.join(' ')}`);
          alive();
        },
      };
    },
    onMoved: (one) => void moved.push(one),
    onFailover: (one) => void failovers.push(one),
  };
  return { context, moved, failovers, lines, commands };
}

/** Looks like an answer of the server, so that nobody tries again. */
export class Killed extends Error {
  override name = 'ReplyError';
}
