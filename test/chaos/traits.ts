import { destroyingFaults, faults } from '../../src/rehearsal/faults/index.ts';
import type { Scenario } from './draw.ts';
import { sickPods } from './sick-pods.ts';

/** Everything that a scenario can have; a sweep says how many of its seeds had it. */
export const traits: Record<string, (scenario: Scenario) => boolean> = {
  ...Object.fromEntries(
    [...faults, ...destroyingFaults, sickPods].map((fault) => [
      `fault ${fault.name}`,
      ({ faults: drawn }: Scenario) => drawn.includes(fault),
    ]),
  ),
  ...Object.fromEntries(
    (['launch template', 'mixed', 'launch configuration'] as const).map((kind) => [
      `by ${kind}`,
      ({ groups }: Scenario) => groups.some((g) => g.kind === kind),
    ]),
  ),
  'faults that pass': (s) => s.faultsPassAfterMs !== undefined,
  'volumes in zones': (s) => s.catalog,
  'single replicas with autoscalers': (s) => s.autoscaled,
  'visitors through any node': (s) => s.front === 'anywhere',
  'visitors through nodes with a pod': (s) => s.front === 'local',
  'target-group': (s) => s.blueGreen,
  ami: (s) => s.givenImage,
  'max-surge in percent': (s) => /%/.test(s.inputs['max-surge'] ?? ''),
  'max-unavailable in percent': (s) => /%/.test(s.inputs['max-unavailable'] ?? ''),
  'max-unavailable without surge': (s) => s.inputs['max-surge'] === '0',
  'max-at-once': has('max-at-once', /./),
  'no canary': has('canary', /false/),
  interval: has('interval', /[1-9]/),
  soak: has('soak', /[1-9]/),
  'on-blocked: skip': has('on-blocked', /skip/),
  'on-blocked: force': has('on-blocked', /force/),
  'min-healthy-targets': has('min-healthy-targets', /^(?!50%)/),
  'on-failure: keep': has('on-failure', /keep/),
  'time-budget that ends': has('time-budget', /^\dm$/),
  force: has('force', /true/),
  'cut once': (s) => s.cuts.length === 1,
  'cut more often': (s) => s.cuts.length > 1,
  'killed, then again': (s) => s.cuts.some((c) => c.how === 'killed' && c.next === 'all'),
  'stopped, then again': (s) => s.cuts.some((c) => c.how === 'stopped' && c.next === 'all'),
  'cut, then restore': (s) => s.cuts.some((c) => c.next === 'restore'),
  'cut, then rollback': (s) => s.cuts.some((c) => c.next === 'rollback'),
  'rollback after a failure': (s) => s.afterFailure === 'rollback',
  'restore twice': (s) => s.restoresTwice,
};

function has(input: string, value: RegExp): (scenario: Scenario) => boolean {
  return ({ inputs }) => value.test(inputs[input] ?? '');
}

/** How many of these scenarios have each. */
export const counted = (scenarios: readonly Scenario[]): [name: string, seeds: number][] =>
  Object.entries(traits).map(([name, applies]) => [name, scenarios.filter(applies).length]);
