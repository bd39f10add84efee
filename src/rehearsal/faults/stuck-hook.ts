import type { Fault } from './fault.ts';

const hook = { name: 'never-completed', transition: 'autoscaling:EC2_INSTANCE_TERMINATING' as const };
/** The default of AWS. */
const heartbeatSeconds = 3600;

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html: whoever should complete the hook is gone. */
export const stuckHook: Fault = {
  name: 'stuck-hook',
  what: 'a termination hook is never completed: instances stay Terminating:Wait for an hour',
  account({ groups }) {
    for (const group of groups)
      group.hooks = [
        ...group.hooks.filter((h) => h.transition !== hook.transition),
        { ...hook, heartbeatSeconds, defaultResult: 'CONTINUE' },
      ];
  },
  ends({ aws }) {
    for (const group of aws.groups.values()) group.hooks = group.hooks.filter((h) => h.name !== hook.name);
    for (const { id, lifecycle } of aws.instances.values())
      if (lifecycle === 'Terminating:Wait') aws.completeHook(id);
  },
  inputs: { 'terminate-timeout': '45s' },
  explained: { byWords: [/terminate-timeout/, /Terminating:Wait/], conclusion: 'failure' },
};
