import type { Fault } from './fault.ts';

/** The words of EC2's InsufficientInstanceCapacity, as a scaling activity shows them. */
export const noCapacity: Fault = {
  name: 'no-capacity',
  what: 'AWS has no instances of the wanted type in any zone',
  launchFailure: (_group, zone, instanceType) =>
    `We currently do not have sufficient ${instanceType} capacity in the Availability Zone you requested (${zone}). ` +
    'Our system will be working on provisioning additional capacity. Launching EC2 instance failed.',
  inputs: { 'node-timeout': '45s' },
  explained: { byWords: [/do not have sufficient .* capacity/], conclusion: 'failure' },
};
