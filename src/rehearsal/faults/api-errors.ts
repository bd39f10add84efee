import type { Fault } from './fault.ts';

const share = 0.05;

/** One in twenty requests of the engine is refused, half of them with 429 and half with 500; the run must not notice. */
export const apiErrors: Fault = {
  name: 'api-errors',
  what: 'the API server answers one request in twenty with 429 or 500',
  kubernetes(_request, random) {
    const dice = random.next();
    if (dice >= share) return undefined;
    if (dice < share / 2) {
      return {
        status: 429,
        reason: 'TooManyRequests',
        message: 'The server is busy, try again later.',
        retryAfterSeconds: 1,
      };
    }
    return {
      status: 500,
      reason: 'InternalError',
      message: 'An error on the server has prevented the request from succeeding.',
    };
  },
  explained: { byWords: [], conclusion: 'success' },
};
