import type { Clock } from '../clock.ts';
import { KubernetesError } from './ports.ts';

const patienceMs = 60_000;
const pause = { firstMs: 100, longestMs: 2000 };

/**
 * Reads, changes and writes again while somebody else is faster (409). Controllers that touch the same object come in bursts, so
 * the pauses grow, for a minute in all. @throws what the last attempt threw.
 */
export async function optimistically<T>(clock: Clock, attempt: () => Promise<T>): Promise<T> {
  const started = clock.now();
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      const conflict = error instanceof KubernetesError && error.status === 409;
      if (!conflict || clock.now() - started >= patienceMs) throw error;
      await clock.sleep(Math.min(pause.longestMs, pause.firstMs * 1.5 ** (n - 1)));
    }
  }
}
