import type { Fault } from './fault.ts';

const share = 0.1;

/** One in ten AWS calls is throttled, as on an account that many tools share. */
export const throttling: Fault = {
  name: 'throttling',
  what: 'AWS throttles one call in ten',
  aws: (_call, random) =>
    random.next() < share ? { status: 400, code: 'Throttling', message: 'Rate exceeded' } : undefined,
  explained: { byWords: [], conclusion: 'success' },
};
