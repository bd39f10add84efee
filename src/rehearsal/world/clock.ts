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
  readonly #tasks: { at: number; order: number; task: () => void }[] = [];

  constructor(start = Date.UTC(2026, 0, 5, 9, 0, 0)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + Math.max(0, ms), order: this.#sequence++, task };
    const index = this.#tasks.findIndex((t) => t.at > entry.at);
    this.#tasks.splice(index < 0 ? this.#tasks.length : index, 0, entry);
    return () => {
      const at = this.#tasks.indexOf(entry);
      if (at >= 0) this.#tasks.splice(at, 1);
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
      const next = this.#tasks[0];
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
      if (this.#tasks.length === 0)
        throw new Error('The virtual clock has nothing left to do, but the run is still waiting.');
      if ((this.#tasks[0]?.at ?? 0) > limit)
        throw new Error(`The run did not end within ${limitMs} ms of virtual time.`);
      this.#runNext();
    }
  }

  #runNext(): void {
    const next = this.#tasks.shift();
    if (!next) return;
    this.#now = Math.max(this.#now, next.at);
    next.task();
  }
}

/** Lets promise chains that need no timer run to their end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}
