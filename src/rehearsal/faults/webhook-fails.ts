import type { Fault } from './fault.ts';

const everyMs = 60_000;
const awayMs = 25_000;

/** A webhook with failurePolicy Fail whose only pod is restarting, again and again. */
export const webhookFails: Fault = {
  name: 'webhook-fails',
  what: 'an admission webhook for evictions is away for 25 seconds of every minute',
  kubernetes: ({ method, path }, _random, sinceMs) =>
    method === 'POST' && path.endsWith('/eviction') && sinceMs % everyMs < awayMs
      ? {
          status: 500,
          reason: 'InternalError',
          message:
            'Internal error occurred: failed calling webhook "evictions.example.com": Post "https://evictions.example.svc:443/validate?timeout=10s": connect: connection refused',
        }
      : undefined,
  explained: { byWords: [], conclusion: 'success' },
};
