import type { Fault } from './fault.ts';

/** A policy that forbids evictions: it will not change its mind. */
export const webhookDenies: Fault = {
  name: 'webhook-denies',
  what: 'an admission webhook answers every eviction with 403',
  kubernetes: ({ method, path }) =>
    method === 'POST' && path.endsWith('/eviction')
      ? {
          status: 403,
          reason: 'Forbidden',
          message: 'admission webhook "evictions.example.com" denied the request: no disruptions on weekdays',
        }
      : undefined,
  inputs: { blockers: 'warn', 'drain-timeout': '20s' },
  explained: { byWords: [/evictions\.example\.com/, /drain-timeout/], conclusion: 'failure' },
};
