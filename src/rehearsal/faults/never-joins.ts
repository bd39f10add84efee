import type { Fault } from './fault.ts';

/** As with an AMI whose bootstrap script fails: the instance runs, but no Node appears. */
export const neverJoins: Fault = {
  name: 'never-joins',
  what: 'new instances run but never become nodes',
  neverJoins: () => true,
  inputs: { 'node-timeout': '30s' },
  explained: { byWords: [/node-timeout/, /i-[0-9a-f]{17}/], conclusion: 'failure' },
};
