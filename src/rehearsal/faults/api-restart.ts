import type { Fault } from './fault.ts';

const everyMs = 90_000;
const firstMs = 15_000;
const awayMs = 12_000;

/** The API server is upgraded, or its only replica restarts: for some seconds nobody listens. */
export const apiRestart: Fault = {
  name: 'api-restart',
  what: 'the API server refuses connections for twelve seconds, every one and a half minutes',
  kubernetes: (_request, _random, sinceMs) =>
    sinceMs >= firstMs && (sinceMs - firstMs) % everyMs < awayMs ? 'no connection' : undefined,
  explained: { byWords: [], conclusion: 'success' },
};
