import { type Clock, systemClock } from '../../clock.ts';

/** Time of the embedded world: a Clock that can also call back. */
export interface WorldClock extends Clock {
  /** Calls `task` once after `ms`; the returned function cancels it. Tasks due at the same time run in the order they were asked for. */
  after(ms: number, task: () => void): () => void;
}

/** The wall clock, for the embedded cluster over HTTP. */
export const wallClock: WorldClock = {
  ...systemClock,
  after: (ms, task) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * A clock that moves only when everything that runs is waiting for it. `run` plays a promise to its end:
 * it lets all pending microtasks and immediates settle, then jumps to the next task.
 */
export class VirtualClock implements WorldClock {
  #now: number;
  #sequence = 0;
  readonly #tasks = new Queue();

  constructor(start = Date.UTC(2026, 0, 5, 9, 0, 0)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const entry: Entry = { at: this.#now + Math.max(0, ms), order: this.#sequence++, task };
    this.#tasks.add(entry);
    return () => {
      entry.task = undefined;
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const aborted = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      });
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Moves time forward by `ms`, running everything due on the way. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#tasks.first();
      if (!next || next.at > until) break;
      this.#runNext();
    }
    this.#now = until;
    await settle();
  }

  /** Plays until the promise settles. @throws when nothing is left that could ever settle it, or after `limitMs` of virtual time. */
  async run<T>(promise: Promise<T>, limitMs = 7 * 86_400_000): Promise<T> {
    let settled = false;
    promise.then(
      () => (settled = true),
      () => (settled = true),
    );
    const limit = this.#now + limitMs;
    for (;;) {
      await settle();
      if (settled) return promise;
      const next = this.#tasks.first();
      if (!next) throw new Error('The virtual clock has nothing left to do, but the run is still waiting.');
      if (next.at > limit) throw new Error(`The run did not end within ${limitMs} ms of virtual time.`);
      this.#runNext();
    }
  }

  #runNext(): void {
    const next = this.#tasks.take();
    if (!next) return;
    this.#now = Math.max(this.#now, next.at);
    next.task?.();
  }
}

/** Lets promise chains that need no timer run to their end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

interface Entry {
  at: number;
  order: number;
  /** Undefined once it is cancelled. */
  task: (() => void) | undefined;
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** A binary heap: thousands of kubelets put their next heartbeat in. */
class Queue {
  readonly #heap: Entry[] = [];

  add(entry: Entry): void {
    let at = this.#heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, this.#heap[parent] as Entry)) break;
      this.#heap[at] = this.#heap[parent] as Entry;
      at = parent;
    }
    this.#heap[at] = entry;
  }

  /** The next that is not cancelled. */
  first(): Entry | undefined {
    while (this.#heap[0] && !this.#heap[0].task) this.#remove();
    return this.#heap[0];
  }

  take(): Entry | undefined {
    const first = this.first();
    if (first) this.#remove();
    return first;
  }

  /** Takes the root away and sinks the last into its place. */
  #remove(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const right = this.#heap[child + 1];
      if (right && before(right, this.#heap[child] as Entry)) child++;
      const least = this.#heap[child];
      if (!least || !before(least, last)) break;
      this.#heap[at] = least;
      at = child;
    }
    this.#heap[at] = last;
  }
}
