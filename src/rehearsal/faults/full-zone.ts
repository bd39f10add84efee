import type { Fault } from './fault.ts';

/** One zone has no more instances; the replacements of its nodes cannot come, and the run must say why. */
export const fullZone: Fault = {
  name: 'full-zone',
  what: 'AWS has no instances left in the first zone',
  launchFailure: (_group, zone, instanceType) =>
    zone.endsWith('a')
      ? `We currently do not have sufficient ${instanceType} capacity in the Availability Zone you requested (${zone}).`
      : undefined,
  inputs: { 'node-timeout': '45s' },
  explained: { byWords: [/do not have sufficient .* capacity .*\(eu-west-1a\)/], conclusion: 'failure' },
};
