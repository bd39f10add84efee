import { instanceIdOf } from '../../cluster/members.ts';
import type { Fault } from './fault.ts';

/** As with an AMI whose bootstrap script fails: the instance runs, but no Node appears. */
export const neverJoins: Fault = {
  name: 'never-joins',
  what: 'new instances run but never become nodes',
  neverJoins: () => true,
  ends({ aws, store }) {
    const joined = new Set(store.list('nodes').map(instanceIdOf));
    for (const { id, lifecycle } of aws.instances.values())
      if (lifecycle === 'InService' && !joined.has(id)) aws.terminate(id, false);
  },
  inputs: { 'node-timeout': '30s' },
  explained: { byWords: [/node-timeout/, /i-[0-9a-f]{17}/], conclusion: 'failure' },
};
