import type { Fault } from './fault.ts';

const delayMs = 6000;

/** A registry that is slow today: every container takes six seconds longer to start. */
export const slowImages: Fault = {
  name: 'slow-images',
  what: 'every container takes six seconds longer to start',
  startDelayMs: () => delayMs,
  explained: { byWords: [], conclusion: 'success' },
};
