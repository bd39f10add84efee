import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { destroyingFaults, faults } from '../../src/rehearsal/faults/index.ts';
import { newImage } from '../../src/rehearsal/scenario/account.ts';
import { Random } from '../../src/rehearsal/world/random.ts';
import { sickPods } from './sick-pods.ts';

const kinds = ['launch template', 'mixed', 'launch configuration'] as const;
type Kind = (typeof kinds)[number];

export interface DrawnGroup {
  name: string;
  kind: Kind;
  zones: number;
  desired: number;
  /** How many more max allows. */
  spare: number;
  /** How many fewer min allows. */
  slack: number;
}

/** What a person runs after an engine that was cut. */
export type Next = 'all' | 'restore' | 'rollback';

/** How an engine ends before its work does. */
export interface Cut {
  afterWrite: number;
  how: 'killed' | 'stopped';
  next: Next;
}

/** One world, what goes wrong in it, and what is asked of the engine. */
export interface Scenario {
  seed: number;
  groups: DrawnGroup[];
  /** Pods that are bound to the zones of their volumes. */
  catalog: boolean;
  /** Single replicas whose Deployments follow HorizontalPodAutoscalers. */
  autoscaled: boolean;
  /** A Service whose load balancer sends its requests to nodes. */
  front: 'anywhere' | 'local' | undefined;
  /** The nodes of the first group move into an empty one beside it. */
  blueGreen: boolean;
  /** The groups launch the old image, and the engine is handed the new one. */
  givenImage: boolean;
  factor: number;
  faults: Fault[];
  /** When the faults pass by themselves; undefined for those that last until the engine gives up. */
  faultsPassAfterMs: number | undefined;
  inputs: Record<string, string>;
  cuts: Cut[];
  /** What a person runs after a failure. */
  afterFailure: 'restore' | 'rollback';
  /** Each restore is run once more, by a process that knows nothing. */
  restoresTwice: boolean;
}

export const timeouts = {
  'node-timeout': '6m',
  'drain-timeout': '5m',
  'volume-timeout': '2m',
  'terminate-timeout': '5m',
  'gate-timeout': '5m',
};

/** The scenario of a seed: the same number always gives the same one. */
export function draw(seed: number): Scenario {
  const random = new Random(seed * 7919);
  const whole = (low: number, high: number): number => Math.floor(random.between(low, high + 1));
  const chance = (share: number): boolean => random.next() < share;
  const group = (name: string, desired: number, zones: number): DrawnGroup => ({
    name,
    kind: random.pick(kinds),
    zones: whole(1, zones),
    desired,
    spare: whole(0, 2),
    slack: whole(0, 1),
  });
  const groups = [group('shop-general', whole(3, 6), 3), group('shop-data', whole(2, 3), 2)];
  const surge = random.pick(['1', '1', '2', '50%', '100%', '0']);
  const blueGreen = surge !== '0' && chance(0.15);
  const givenImage = !blueGreen && chance(0.2);
  // Volumes bind pods to zones: they need a replacement there before their node leaves.
  const catalog = surge !== '0' && groups[0]?.kind === 'launch template' && chance(0.4);
  const all = [...faults, ...destroyingFaults];
  const count = whole(1, 3);
  const drawn: Fault[] = [];
  while (drawn.length < count) {
    const fault = random.pick(all);
    if (!drawn.includes(fault)) drawn.push(fault);
  }
  const onBlocked = random.pick(['fail', 'fail', 'fail', 'skip', 'force']);
  // Only a pod that has not been ready for long may be forced.
  if (chance(onBlocked === 'force' ? 0.7 : 0.04)) drawn.push(sickPods);
  return {
    seed,
    groups,
    catalog,
    autoscaled: chance(0.3),
    front: chance(0.25) ? random.pick(['anywhere', 'local'] as const) : undefined,
    blueGreen,
    givenImage,
    factor: random.pick([1, 2]),
    faults: drawn,
    faultsPassAfterMs: chance(0.4) ? whole(30, 600) * 1000 : undefined,
    inputs: {
      ...timeouts,
      ...(blueGreen ? { groups: 'shop-general,shop-green', 'target-group': 'shop-green' } : {}),
      ...(givenImage ? { ami: random.pick([newImage, 'recommended']) } : {}),
      'max-surge': surge,
      'max-unavailable': surge === '0' ? random.pick(['1', '50%']) : random.pick(['0', '0', '1', '34%']),
      'max-at-once': random.pick(['', '', '1', '2', '3']),
      canary: String(chance(0.7)),
      interval: random.pick(['0s', '0s', '20s']),
      soak: random.pick(['0s', '0s', '0s', '40s', '2m']),
      'on-blocked': onBlocked,
      ...(onBlocked === 'force' ? { 'force-unready-for': '2m' } : {}),
      'min-healthy-targets': random.pick(['50%', '50%', '1', '0', '100%']),
      'on-failure': random.pick(['restore', 'restore', 'keep']),
      'required-passes': String(whole(1, 3)),
      'time-budget': random.pick(['5h30m', '5h30m', '5h30m', '4m', '8m']),
      force: String(chance(0.1)),
    },
    cuts: Array.from({ length: whole(0, 4) }, () => ({
      afterWrite: whole(1, random.pick([12, 60, 160])),
      how: random.pick(['killed', 'killed', 'stopped'] as const),
      next: random.pick(nexts),
    })),
    afterFailure: chance(0.35) ? 'rollback' : 'restore',
    restoresTwice: chance(0.3),
  };
}

const nexts: readonly Next[] = ['all', 'all', 'all', 'restore', 'rollback'];

/** The scenario in a few lines, for whoever looks at its log. */
export function describe(scenario: Scenario): string[] {
  const { seed, groups, inputs } = scenario;
  const faultNames = scenario.faults.map((f) => f.name).join(' + ');
  const pass = scenario.faultsPassAfterMs;
  const given = Object.entries(inputs).filter(([name, value]) => !(name in timeouts) && value !== '');
  const worlds = [
    scenario.catalog && 'catalog',
    scenario.autoscaled && 'autoscalers',
    scenario.front && `front ${scenario.front}`,
  ].filter(Boolean);
  return [
    `seed ${seed}: ${faultNames}${pass === undefined ? '' : ` for ${pass / 1000}s`}, factor ${scenario.factor}`,
    ...groups.map(
      (g) =>
        `  ${g.name}: ${g.desired} nodes (min -${g.slack}, max +${g.spare}) in ${g.zones} zones by ${g.kind}`,
    ),
    `  ${given.map(([name, value]) => `${name}=${value}`).join(' ')}${worlds.length > 0 ? ` with ${worlds.join(', ')}` : ''}`,
    `  cuts: ${scenario.cuts.map((c) => `${c.how} after write ${c.afterWrite}, then ${c.next}`).join('; ') || 'none'}; after a failure ${scenario.afterFailure}`,
  ];
}
