import type { Clock } from '../clock.ts';

/** Template versions and subnets change rarely, and groups are described often. */
const keptMs = 60_000;

/** Answers that serve again for a minute. */
export class Memory {
  readonly #clock: Clock;
  readonly #answers = new Map<string, { answer: Promise<unknown>; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  once<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(key);
    if (known && this.#clock.now() - known.at < keptMs) return known.answer as Promise<T>;
    const answer = ask();
    this.#answers.set(key, { answer, at: this.#clock.now() });
    // One that failed is not an answer.
    answer.catch(() => this.#answers.delete(key));
    return answer;
  }

  clear(): void {
    this.#answers.clear();
  }
}
