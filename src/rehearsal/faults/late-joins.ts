import type { Fault } from './fault.ts';

const delayMs = 180_000;

/** Bootstrap scripts that download much: every other instance, told by its id, needs three minutes more. */
export const lateJoins: Fault = {
  name: 'late-joins',
  what: 'every other new instance needs three minutes more to become a node',
  bootDelayMs: ({ instanceId }) => (/[02468ace]$/.test(instanceId) ? delayMs : 0),
  explained: { byWords: [], conclusion: 'success' },
};
