import type { Clock } from '../clock.ts';
import { KubernetesError } from '../cluster/ports.ts';

/**
 * How long an API server may be away that has answered before: it restarts, or its control plane is upgraded. One that never
 * has is more likely the wrong one, which the user should hear soon.
 */
export const patienceMs = { known: 60_000, unknown: 6_000 };
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

/**
 * Whether a create may be sent again though it may have arrived: one with a name of its own then answers 409 AlreadyExists,
 * which its sender takes for done; one whose name the server makes up would be there twice.
 */
export const mayCreateAgain = (object: { metadata: { name: string } }): boolean =>
  object.metadata.name !== '';

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

export interface RetryOptions {
  clock: Clock;
  signal: AbortSignal;
  idempotent: boolean;
  /** How long to go on, from the first attempt. */
  patienceMs: () => number;
  /** Called before each pause. */
  onFailure: (error: unknown, leftMs: number) => void;
}

/** Sends again, for a bounded time, while that can help. @throws what the last attempt threw, or the signal's reason. */
export async function retrying<T>(options: RetryOptions, send: () => Promise<T>): Promise<T> {
  const { clock, signal, idempotent } = options;
  const started = clock.now();
  for (let n = 1; ; n++) {
    try {
      return await send();
    } catch (error) {
      signal.throwIfAborted();
      const pause = pauseMs(n, error);
      const leftMs = started + options.patienceMs() - clock.now();
      if (pause > leftMs || !isTransient(error, idempotent)) throw error;
      options.onFailure(error, leftMs);
      await clock.sleep(pause, signal);
    }
  }
}
