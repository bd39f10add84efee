import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import type { EmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { destroyingFaults, faults } from '../../src/rehearsal/faults/index.ts';
import { newImage, oldImage } from '../../src/rehearsal/scenario/account.ts';
import type { Manifest } from '../../src/rehearsal/scenario/objects.ts';
import { catalogWorkloads } from '../../src/rehearsal/scenario/shop.ts';
import { Random } from '../../src/rehearsal/world/random.ts';

const kinds = ['launch template', 'mixed', 'launch configuration'] as const;
type Kind = (typeof kinds)[number];

interface DrawnGroup {
  name: string;
  kind: Kind;
  zones: number;
  desired: number;
  /** How many more max allows. */
  spare: number;
  /** How many fewer min allows. */
  slack: number;
}

/** How an engine ends before its work does. */
export interface Cut {
  afterWrite: number;
  how: 'killed' | 'stopped';
  /** What a person runs next. */
  next: 'all' | 'restore';
}

/** One world, what goes wrong in it, and what is asked of the engine. */
export interface Scenario {
  seed: number;
  groups: DrawnGroup[];
  /** Pods that are bound to the zones of their volumes. */
  catalog: boolean;
  factor: number;
  faults: Fault[];
  /** When the faults pass by themselves; undefined for those that last until the engine gives up. */
  faultsPassAfterMs: number | undefined;
  inputs: Record<string, string>;
  cuts: Cut[];
}

const timeouts = {
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
  // Volumes bind pods to zones: they need a replacement there before their node leaves.
  const catalog = surge !== '0' && groups[0]?.kind === 'launch template' && chance(0.4);
  const all = [...faults, ...destroyingFaults];
  const count = whole(1, 3);
  const drawn: Fault[] = [];
  while (drawn.length < count) {
    const fault = random.pick(all);
    if (!drawn.includes(fault)) drawn.push(fault);
  }
  return {
    seed,
    groups,
    catalog,
    factor: random.pick([1, 2]),
    faults: drawn,
    faultsPassAfterMs: chance(0.4) ? whole(30, 600) * 1000 : undefined,
    inputs: {
      ...timeouts,
      'max-surge': surge,
      'max-unavailable': surge === '0' ? random.pick(['1', '50%']) : random.pick(['0', '0', '1', '34%']),
      'max-at-once': random.pick(['', '', '1', '2', '3']),
      canary: String(chance(0.7)),
      interval: random.pick(['0s', '0s', '20s']),
      'on-failure': random.pick(['restore', 'restore', 'keep']),
      'required-passes': String(whole(1, 3)),
      'time-budget': random.pick(['5h30m', '5h30m', '5h30m', '4m']),
      force: String(chance(0.1)),
    },
    cuts: Array.from({ length: whole(0, 3) }, () => ({
      afterWrite: whole(1, random.pick([12, 60, 160])),
      how: random.pick(['killed', 'killed', 'stopped'] as const),
      next: random.pick(['all', 'all', 'all', 'restore'] as const),
    })),
  };
}

export const workloadsOf = ({ catalog }: Scenario): Manifest[] => (catalog ? catalogWorkloads() : []);

/** Shapes the account as drawn. */
export function shape(description: AwsDescription, { groups }: Scenario): void {
  for (const drawn of groups) {
    const group = description.groups.find((g) => g.name === drawn.name);
    if (!group) continue;
    group.desired = drawn.desired;
    group.min = drawn.desired - drawn.slack;
    group.max = drawn.desired + drawn.spare;
    group.subnets = group.subnets.slice(0, drawn.zones);
    if (drawn.kind === 'mixed')
      group.overrides = [
        { instanceType: drawn.name === 'shop-data' ? 'r5.large' : 'm5.large' },
        { instanceType: 'm5.xlarge' },
      ];
    if (drawn.kind === 'launch configuration') {
      delete group.template;
      group.launchConfiguration = `${drawn.name}-1`;
      description.launchConfigurations.push({
        name: `${drawn.name}-1`,
        imageId: oldImage,
        instanceType: 'm5.large',
      });
    }
  }
}

/** What an operator does who releases a new image for a group with a launch configuration: those cannot be changed. */
export function releaseConfigurations({ aws }: EmbeddedCluster): void {
  for (const group of aws.groups.values()) {
    if (!group.launchConfiguration) continue;
    group.launchConfiguration = `${group.name}-2`;
    aws.description.launchConfigurations.push({
      name: `${group.name}-2`,
      imageId: newImage,
      instanceType: 'm5.large',
    });
  }
}

/** The scenario in a few lines, for whoever looks at its log. */
export function describe(scenario: Scenario): string[] {
  const { seed, groups, inputs } = scenario;
  const faultNames = scenario.faults.map((f) => f.name).join(' + ');
  const pass = scenario.faultsPassAfterMs;
  const given = Object.entries(inputs).filter(([name]) => !(name in timeouts));
  return [
    `seed ${seed}: ${faultNames}${pass === undefined ? '' : ` for ${pass / 1000}s`}, factor ${scenario.factor}`,
    ...groups.map(
      (g) =>
        `  ${g.name}: ${g.desired} nodes (min -${g.slack}, max +${g.spare}) in ${g.zones} zones by ${g.kind}`,
    ),
    `  ${given.map(([name, value]) => `${name}=${value}`).join(' ')}${scenario.catalog ? ' with catalog' : ''}`,
    `  cuts: ${scenario.cuts.map((c) => `${c.how} after write ${c.afterWrite}, then ${c.next}`).join('; ') || 'none'}`,
  ];
}
