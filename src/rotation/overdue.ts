import type { Pod } from '../cluster/objects.ts';
import { isTerminating } from '../cluster/pods.ts';

/** So much longer than its grace a pod may take before nobody waits for it any more. */
const toleranceMs = 60_000;

/**
 * Remembers how long pods have been seen terminating. One that outstays its grace by a minute hangs: its kubelet is dead, its
 * runtime stuck, or a finalizer is never taken off. It ends for certain when its instance does, and not before it is another
 * one started, because the Node object stays until then. Our own clock is asked, since those of others may be wrong.
 */
export class Overdue {
  readonly #since = new Map<string, number>();

  /** Whether the pod is overdue now. */
  see(pod: Pod, now: number): boolean {
    if (!isTerminating(pod)) return false;
    const { uid = '', deletionGracePeriodSeconds = pod.spec.terminationGracePeriodSeconds ?? 30 } =
      pod.metadata;
    const since = this.#since.get(uid) ?? now;
    this.#since.set(uid, since);
    return now - since > deletionGracePeriodSeconds * 1000 + toleranceMs;
  }
}
