import type {
  DaemonSet,
  Deployment,
  PodDisruptionBudget,
  PodSpec,
  PodTemplate,
  StatefulSet,
} from '../../../src/cluster/objects.ts';
import type { Manifest } from '../../../src/rehearsal/scenario/objects.ts';
import type { Machine } from '../../../src/rehearsal/world/machine.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';

/**
 * Where the pods of a workload can run. Every kind but `anywhere` leaves the scheduler no choice of how many pods end up on
 * which node; `anywhere` leaves it every choice, and only totals are compared.
 */
export type Placement =
  | { how: 'anywhere' }
  /** All on one node, by its label `slot`. */
  | { how: 'pinned'; slot: string }
  /** At least as many replicas as fit: every node is full, the rest is Pending. */
  | { how: 'filling'; by: 'anti-affinity' | 'cpu' | 'pods' }
  /** DoNotSchedule with a skew of one and the same number of replicas per node. */
  | { how: 'spread'; topologyKey: string }
  | { how: 'every node' };

export type WorkloadResource = 'deployments' | 'replicasets' | 'statefulsets' | 'daemonsets';

export interface Workload {
  resource: WorkloadResource;
  name: string;
  placement: Placement;
  replicas: number;
  /** Its pods have a readiness gate that nobody opens: they run and are never ready. */
  gated: boolean;
  /** Tolerates the taint that a node of the world may be born with. */
  tolerant: boolean;
  /** A StatefulSet that starts its pods one after the other. */
  ordered: boolean;
  manifest: Manifest;
}

/** A small world in a namespace and on nodes of its own, so that many share one cluster without touching each other. */
export interface World {
  seed: number;
  /** The namespace, and the value of the label `world` on its nodes. */
  name: string;
  /** The first is never closed and has room for everything that may run anywhere. */
  machines: Machine[];
  workloads: Workload[];
  budgets: PodDisruptionBudget[];
}

export const dedicated = { key: 'dedicated', value: 'batch', effect: 'NoSchedule' } as const;

const slots = ['a', 'b', 'c', 'd'];

export function randomWorld(seed: number): World {
  const random = new Random(seed * 7919 + 17);
  const name = `world-${seed}`;
  const machines = randomMachines(random, name);
  const workloads = randomWorkloads(random, name, machines);
  const crowded = workloads.find((w) => w.placement.how === 'filling' && w.placement.by === 'pods');
  if (crowded) for (const machine of machines) machine.allocatable.pods = String(1 + dice(random, 3));
  return { seed, name, machines, workloads, budgets: randomBudgets(random, name, workloads) };
}

/** A whole number from 0 up to, and without, `sides`. */
export const dice = (random: Random, sides: number): number => Math.floor(random.next() * sides);
export const chance = (random: Random, of: number): boolean => random.next() < of;

function randomMachines(random: Random, world: string): Machine[] {
  const zoned = chance(random, 0.5);
  return slots.slice(0, 2 + dice(random, 3)).map((slot, i) => ({
    instanceId: `i-${random.hex(17)}`,
    zone: `eu-west-1${zoned ? slot : random.pick(['a', 'b'])}`,
    region: 'eu-west-1',
    group: 'worlds',
    imageId: 'ami-0',
    instanceType: 'm7g.large',
    privateDnsName: `${world}-${slot}`,
    privateIp: `10.${100 + dice(random, 100)}.${dice(random, 250)}.${10 + dice(random, 200)}`,
    allocatable: { cpu: String(1 + dice(random, 3)), memory: '8Gi', pods: '110' },
    labels: { world, slot },
    taints: i > 0 && chance(random, 0.2) ? [dedicated] : [],
  }));
}

function randomWorkloads(random: Random, world: string, machines: Machine[]): Workload[] {
  if (chance(random, 0.1)) return [replicated(random, world, 'crowd', machines, ['pods'])];
  const count = 1 + dice(random, 4);
  const workloads: Workload[] = [];
  let heavy = false;
  for (let i = 0; i < count; i++) {
    const app = `app-${i}`;
    const kind = random.next();
    if (kind < 0.5) {
      const made = replicated(random, world, app, machines, heavy ? [] : ['cpu']);
      heavy ||= made.placement.how === 'filling' && made.placement.by === 'cpu';
      workloads.push(made);
    } else if (kind < 0.8) workloads.push(randomStatefulSet(random, world, app, machines));
    else workloads.push(randomDaemonSet(random, world, app));
  }
  return workloads;
}

/** What a filling workload may fill nodes by, besides anti-affinity. */
type Scarce = 'cpu' | 'pods';

function replicated(
  random: Random,
  world: string,
  app: string,
  machines: Machine[],
  scarce: Scarce[],
): Workload {
  const placement = randomPlacement(random, machines, scarce);
  const gated = (placement.how === 'anywhere' || placement.how === 'pinned') && chance(random, 0.2);
  const tolerant = chance(random, 0.4);
  const replicas = fittingReplicas(random, placement, machines);
  const template = templateOf(random, { world, app, placement, gated, tolerant });
  const selector = { matchLabels: { app } };
  const metadata = { name: app, namespace: world };
  const base = { name: app, placement, replicas, gated, tolerant, ordered: false };
  if (chance(random, 0.2)) {
    const object = { metadata, spec: { replicas, selector, template } };
    return { ...base, resource: 'replicasets', manifest: { resource: 'replicasets', object } };
  }
  const object: Deployment = {
    metadata,
    spec: { replicas, selector, template, ...randomStrategy(random) },
  };
  return { ...base, resource: 'deployments', manifest: { resource: 'deployments', object } };
}

function randomPlacement(random: Random, machines: Machine[], scarce: Scarce[]): Placement {
  if (scarce.includes('pods')) return { how: 'filling', by: 'pods' };
  const roll = random.next();
  if (roll < 0.3) return { how: 'anywhere' };
  if (roll < 0.55) return { how: 'pinned', slot: random.pick(machines).labels.slot ?? '' };
  if (roll < 0.8)
    return { how: 'filling', by: random.pick<'anti-affinity' | Scarce>(['anti-affinity', ...scarce]) };
  const zones = new Set(machines.map((m) => m.zone)).size;
  const keys = [
    'kubernetes.io/hostname',
    ...(zones === machines.length ? ['topology.kubernetes.io/zone'] : []),
  ];
  return { how: 'spread', topologyKey: random.pick(keys) };
}

function fittingReplicas(random: Random, placement: Placement, machines: Machine[]): number {
  switch (placement.how) {
    case 'filling':
      return capacity(placement.by, machines) + dice(random, 3);
    case 'spread':
      return machines.length * (1 + dice(random, 2));
    default:
      return 1 + dice(random, 4);
  }
}

/** How many pods of a filling workload fit on all the machines together; for `pods` no machine has more than three. */
export function capacity(by: 'anti-affinity' | 'cpu' | 'pods', machines: Machine[]): number {
  if (by === 'anti-affinity') return machines.length;
  return machines.reduce((sum, m) => sum + (by === 'cpu' ? Number(m.allocatable.cpu) : 3), 0);
}

function randomStrategy(random: Random): Pick<Deployment['spec'], 'strategy'> {
  const roll = random.next();
  if (roll < 0.3) return {};
  if (roll < 0.45) return { strategy: { type: 'Recreate' } };
  const rollingUpdate = random.pick([
    { maxSurge: 1, maxUnavailable: 0 },
    { maxSurge: 0, maxUnavailable: 1 },
    { maxSurge: 0, maxUnavailable: '25%' },
    { maxSurge: '50%', maxUnavailable: '50%' },
    { maxSurge: 2, maxUnavailable: 1 },
    { maxSurge: 0, maxUnavailable: '100%' },
  ]);
  return { strategy: { type: 'RollingUpdate', rollingUpdate } };
}

function randomStatefulSet(random: Random, world: string, app: string, machines: Machine[]): Workload {
  const placement: Placement = chance(random, 0.5)
    ? { how: 'anywhere' }
    : { how: 'pinned', slot: random.pick(machines).labels.slot ?? '' };
  const gated = chance(random, 0.15);
  const tolerant = chance(random, 0.4);
  const replicas = 1 + dice(random, 4);
  const ordered = chance(random, 0.6);
  const object: StatefulSet = {
    metadata: { name: app, namespace: world },
    spec: {
      replicas,
      serviceName: app,
      selector: { matchLabels: { app } },
      podManagementPolicy: ordered ? 'OrderedReady' : 'Parallel',
      template: templateOf(random, { world, app, placement, gated, tolerant, named: true }),
      // Which revision a pod has must not depend on the node that it happens to be on.
      ...(placement.how === 'pinned' && chance(random, 0.2)
        ? { updateStrategy: { type: 'OnDelete' as const } }
        : {}),
    },
  };
  const manifest: Manifest = { resource: 'statefulsets', object };
  return { resource: 'statefulsets', name: app, placement, replicas, gated, tolerant, ordered, manifest };
}

function randomDaemonSet(random: Random, world: string, app: string): Workload {
  const placement: Placement = { how: 'every node' };
  const tolerant = chance(random, 0.5);
  const template = templateOf(random, { world, app, placement, gated: false, tolerant });
  const everything = chance(random, 0.3);
  if (everything) template.spec.tolerations = [{ operator: 'Exists' }];
  const object: DaemonSet = {
    metadata: { name: app, namespace: world },
    spec: {
      selector: { matchLabels: { app } },
      template,
      ...(chance(random, 0.3)
        ? { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } }
        : {}),
    },
  };
  const manifest: Manifest = { resource: 'daemonsets', object };
  const rest = { replicas: 0, gated: false, tolerant: tolerant || everything, ordered: false };
  return { resource: 'daemonsets', name: app, placement, ...rest, manifest };
}

function templateOf(
  random: Random,
  o: {
    world: string;
    app: string;
    placement: Placement;
    gated: boolean;
    tolerant: boolean;
    named?: boolean;
  },
): PodTemplate {
  const { placement } = o;
  const matchLabels = { app: o.app };
  const spec: PodSpec = {
    nodeSelector: { world: o.world, ...(placement.how === 'pinned' ? { slot: placement.slot } : {}) },
    // Without any grace a StatefulSet may re-create one pod before the next of the same sweep is gone.
    terminationGracePeriodSeconds: random.pick(o.named ? [1, 5] : [0, 1, 5]),
    containers: [
      {
        name: 'main',
        image: 'registry.invalid/weightless:1',
        ...(placement.how === 'filling' && placement.by === 'cpu'
          ? { resources: { requests: { cpu: '1' } } }
          : {}),
      },
    ],
  };
  if (o.tolerant) spec.tolerations = [{ key: dedicated.key, operator: 'Exists' }];
  if (o.gated) spec.readinessGates = [{ conditionType: 'example.com/opened' }];
  if (placement.how === 'filling' && placement.by === 'anti-affinity') {
    const term = { labelSelector: { matchLabels }, topologyKey: 'kubernetes.io/hostname' };
    spec.affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  }
  if (placement.how === 'spread')
    spec.topologySpreadConstraints = [
      {
        maxSkew: 1,
        topologyKey: placement.topologyKey,
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels },
      },
    ];
  return { metadata: { labels: { ...matchLabels, tier: random.pick(['front', 'back']) } }, spec };
}

function randomBudgets(random: Random, world: string, workloads: Workload[]): PodDisruptionBudget[] {
  return ['one', 'two'].slice(0, dice(random, 3)).map((name) => {
    const workload = random.pick(workloads);
    const whole = chance(random, 0.3);
    const matchLabels = whole ? { tier: random.pick(['front', 'back']) } : { app: workload.name };
    // Percentages and maxUnavailable need a scale, and a DaemonSet has none.
    const daemons = workloads.some((w) => w.resource === 'daemonsets' && (whole || w === workload));
    const limit = random.pick<Pick<PodDisruptionBudget['spec'], 'minAvailable' | 'maxUnavailable'>>([
      { minAvailable: dice(random, 4) },
      { minAvailable: 1 },
      ...(daemons
        ? []
        : [
            { minAvailable: random.pick(['30%', '50%', '100%']) },
            { maxUnavailable: dice(random, 3) },
            { maxUnavailable: random.pick(['0%', '25%', '60%', '100%']) },
          ]),
    ]);
    const policy = random.pick([undefined, 'IfHealthyBudget', 'AlwaysAllow'] as const);
    return {
      metadata: { name, namespace: world },
      spec: {
        selector: { matchLabels },
        ...limit,
        ...(policy ? { unhealthyPodEvictionPolicy: policy } : {}),
      },
    };
  });
}
