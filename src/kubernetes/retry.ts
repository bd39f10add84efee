import type { Clock } from '../clock.ts';
import { KubernetesError } from '../cluster/ports.ts';

const attempts = 6;
const firstPauseMs = 200;
const longestPauseMs = 5000;

/** Network failures after which the request may not have arrived, so an idempotent one is sent again. */
const transientCodes = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** Whether sending again can help. A throttled request (429) was not processed; a 5xx or a broken connection may have been. */
export function isTransient(error: unknown, idempotent: boolean): boolean {
  if (error instanceof KubernetesError) return error.status === 429 || (idempotent && error.status >= 500);
  const code = (error as { code?: unknown } | undefined)?.code;
  return idempotent && typeof code === 'string' && transientCodes.has(code);
}

/** How long to wait before attempt `n` (from 1): what the server asks for, else doubling, both bounded. */
export function pauseMs(n: number, error: unknown): number {
  const asked = error instanceof KubernetesError ? error.retryAfterSeconds : undefined;
  return Math.min(longestPauseMs, asked === undefined ? firstPauseMs * 2 ** (n - 1) : asked * 1000);
}

/** Sends again a bounded number of times while that can help. */
export async function retrying<T>(
  options: { clock: Clock; signal: AbortSignal; idempotent: boolean },
  send: () => Promise<T>,
): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await send();
    } catch (error) {
      options.signal.throwIfAborted();
      if (n >= attempts || !isTransient(error, options.idempotent)) throw error;
      await options.clock.sleep(pauseMs(n, error), options.signal);
    }
  }
}
