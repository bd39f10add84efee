import type { Objects } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Random } from '../world/random.ts';

export interface Target {
  host: string;
  port: number;
}

export interface TargetsOptions {
  store: Objects;
  clock: WorldClock;
  random: Random;
  namespace: string;
  service: string;
  /** Which port of the Service; the first one unless given. */
  portName?: string;
  /** How late the balancer learns of a change, each time anew. */
  learnMs: { from: number; to: number };
}

/** What a load balancer believes the ready pods of a Service to be: the EndpointSlices, each change some time late. */
export class Targets {
  readonly #o: TargetsOptions;
  /** By `host:port`, in the order in which they were learned. */
  readonly #known = new Map<string, Target>();
  /** The truth that is known already or being learned. */
  #wanted = new Map<string, Target>();
  readonly #learning = new Set<() => void>();
  readonly #unsubscribe: () => void;
  #turn = 0;

  constructor(options: TargetsOptions) {
    this.#o = options;
    this.#unsubscribe = options.store.subscribe('endpointslices', ({ object }) => {
      if (object.metadata.namespace === options.namespace) this.#compare();
    });
    this.#compare();
  }

  /** Whose turn it is; undefined when no target is known. */
  next(): Target | undefined {
    const known = [...this.#known.values()];
    return known[this.#turn++ % Math.max(1, known.length)];
  }

  stop(): void {
    this.#unsubscribe();
    for (const cancel of this.#learning) cancel();
    this.#learning.clear();
  }

  #compare(): void {
    const ready = this.#ready();
    const before = this.#wanted;
    this.#wanted = ready;
    for (const [key, target] of ready) if (!before.has(key)) this.#learn(key, target);
    for (const key of before.keys()) if (!ready.has(key)) this.#learn(key, undefined);
  }

  /** A change that was taken back before it was learned has never happened. */
  #learn(key: string, target: Target | undefined): void {
    const { clock, random, learnMs } = this.#o;
    const cancel = clock.after(random.between(learnMs.from, learnMs.to), () => {
      this.#learning.delete(cancel);
      if (this.#wanted.has(key) !== (target !== undefined)) return;
      if (target) this.#known.set(key, target);
      else this.#known.delete(key);
    });
    this.#learning.add(cancel);
  }

  /** The ready endpoints of all slices; an unknown readiness counts as ready, as the API says. */
  #ready(): Map<string, Target> {
    const { store, namespace, service, portName } = this.#o;
    const ready = new Map<string, Target>();
    const labelSelector = `kubernetes.io/service-name=${service}`;
    for (const slice of store.list('endpointslices', { namespace, labelSelector })) {
      const port = slice.ports?.find((p) => portName === undefined || p.name === portName)?.port;
      if (port === undefined) continue;
      for (const { addresses, conditions } of slice.endpoints) {
        if (conditions?.ready === false || conditions?.terminating) continue;
        for (const host of addresses) ready.set(`${host}:${port}`, { host, port });
      }
    }
    return ready;
  }
}
