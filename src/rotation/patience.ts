import type { Pod } from '../cluster/objects.ts';
import { isTerminating } from '../cluster/pods.ts';

/** Remembers since when each pod has been waited for: to be let go, and then anew to end. */
export class Patience {
  readonly #since = new Map<string, number>();

  /** How long the pod has been waited for, in milliseconds. */
  see(pod: Pod, now: number): number {
    const key = keyOf(pod);
    const since = this.#since.get(key) ?? now;
    this.#since.set(key, since);
    return now - since;
  }

  /** The same without beginning to wait. */
  waited(pod: Pod, now: number): number {
    return now - (this.#since.get(keyOf(pod)) ?? now);
  }
}

const keyOf = (pod: Pod): string => `${pod.metadata.uid} ${isTerminating(pod)}`;
