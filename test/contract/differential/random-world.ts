import { isDeepStrictEqual } from 'node:util';
import type {
  Container,
  DaemonSet,
  Deployment,
  LabelSelector,
  Labels,
  PodDisruptionBudget,
  PodSpec,
  PodTemplate,
  StatefulSet,
  Toleration,
} from '../../../src/cluster/objects.ts';
import { matchesSelector } from '../../../src/cluster/selectors.ts';
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
  | { how: 'filling'; by: 'anti-affinity' | 'host port' | 'cpu' | 'pods' }
  /** DoNotSchedule with a skew of one and the same number of replicas per node. */
  | { how: 'spread'; topologyKey: string }
  | { how: 'every node' };

export type WorkloadResource = 'deployments' | 'replicasets' | 'statefulsets' | 'daemonsets';

type WorkloadManifest = Extract<Manifest, { resource: WorkloadResource }>;

export interface Workload {
  resource: WorkloadResource;
  name: string;
  placement: Placement;
  replicas: number;
  /** Its pods have a readiness gate that nobody opens: they run and are never ready. */
  gated: boolean;
  /** A StatefulSet that starts its pods one after the other. */
  ordered: boolean;
  manifest: WorkloadManifest;
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

const dedicated = { key: 'dedicated', value: 'batch', effect: 'NoSchedule' } as const;

/** The taint that plays put on nodes; some pods tolerate it for a while when it is NoExecute. */
export const maintenance = 'maintenance';

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
  const replicas = fittingReplicas(random, placement, machines);
  const template = templateOf(random, { world, app, placement, gated });
  const selector = { matchLabels: { app } };
  const metadata = { name: app, namespace: world };
  const base = { name: app, placement, replicas, gated, ordered: false };
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
    return { how: 'filling', by: random.pick(['anti-affinity', 'host port', ...scarce] as const) };
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
export function capacity(by: (Placement & { how: 'filling' })['by'], machines: Machine[]): number {
  if (by === 'anti-affinity' || by === 'host port') return machines.length;
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
  const replicas = 1 + dice(random, 4);
  const ordered = chance(random, 0.6);
  const object: StatefulSet = {
    metadata: { name: app, namespace: world },
    spec: {
      replicas,
      serviceName: app,
      selector: { matchLabels: { app } },
      podManagementPolicy: ordered ? 'OrderedReady' : 'Parallel',
      template: templateOf(random, { world, app, placement, gated, named: true }),
      // Which revision a pod has must not depend on the node that it happens to be on.
      ...(placement.how === 'pinned' && chance(random, 0.2)
        ? { updateStrategy: { type: 'OnDelete' as const } }
        : {}),
    },
  };
  const manifest: WorkloadManifest = { resource: 'statefulsets', object };
  return { resource: 'statefulsets', name: app, placement, replicas, gated, ordered, manifest };
}

function randomDaemonSet(random: Random, world: string, app: string): Workload {
  const placement: Placement = { how: 'every node' };
  const template = templateOf(random, { world, app, placement, gated: false });
  if (chance(random, 0.3)) template.spec.tolerations = [{ operator: 'Exists' }];
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
  const manifest: WorkloadManifest = { resource: 'daemonsets', object };
  const rest = { replicas: 0, gated: false, ordered: false };
  return { resource: 'daemonsets', name: app, placement, ...rest, manifest };
}

function templateOf(
  random: Random,
  o: {
    world: string;
    app: string;
    placement: Placement;
    gated: boolean;
    named?: boolean;
  },
): PodTemplate {
  const { placement } = o;
  const spec: PodSpec = {
    ...where(random, o.world, placement),
    ...apart(placement, o.app),
    // Without any grace a StatefulSet may re-create one pod before the next of the same sweep is gone.
    terminationGracePeriodSeconds: random.pick(o.named ? [1, 5] : [0, 1, 5]),
    tolerations: [
      ...(chance(random, 0.4) ? [{ key: dedicated.key, operator: 'Exists' as const }] : []),
      ...(chance(random, 0.2) ? [patient] : []),
    ],
    containers: [containerFor(placement, o.app)],
  };
  if (o.gated) spec.readinessGates = [{ conditionType: 'example.com/opened' }];
  return { metadata: { labels: { app: o.app, tier: random.pick(['front', 'back']) } }, spec };
}

const patient: Toleration = {
  key: maintenance,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 12,
};

function where(
  random: Random,
  world: string,
  placement: Placement,
): Pick<PodSpec, 'nodeSelector' | 'affinity'> {
  if (placement.how !== 'pinned') return { nodeSelector: { world } };
  if (chance(random, 0.5)) return { nodeSelector: { world, slot: placement.slot } };
  const matchExpressions = [{ key: 'slot', operator: 'In' as const, values: [placement.slot] }];
  return {
    nodeSelector: { world },
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
      },
    },
  };
}

function apart(placement: Placement, app: string): Pick<PodSpec, 'affinity' | 'topologySpreadConstraints'> {
  const labelSelector = { matchLabels: { app } };
  if (placement.how === 'filling' && placement.by === 'anti-affinity') {
    const term = { labelSelector, topologyKey: 'kubernetes.io/hostname' };
    return { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
  }
  if (placement.how !== 'spread') return {};
  const { topologyKey } = placement;
  return {
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector },
    ],
  };
}

function containerFor(placement: Placement, app: string): Container {
  const container: Container = { name: 'main', image: 'registry.invalid/weightless:1' };
  if (placement.how !== 'filling') return container;
  if (placement.by === 'cpu') container.resources = { requests: { cpu: '1' } };
  // A port of its own for every workload, for two of them would compete for nodes.
  const hostPort = 8080 + Number(app.at(-1));
  if (placement.by === 'host port') container.ports = [{ containerPort: 8080, hostPort }];
  return container;
}

/** Which pods a budget is for. */
function randomSelector(random: Random, apps: string[]): LabelSelector {
  return random.pick<LabelSelector>([
    ...apps.map((app) => ({ matchLabels: { app } })),
    { matchLabels: { tier: random.pick(['front', 'back']) } },
    { matchExpressions: [{ key: 'app', operator: 'In', values: [random.pick(apps), 'another'] }] },
    { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['front'] }] },
    {},
  ]);
}

function randomBudgets(random: Random, world: string, workloads: Workload[]): PodDisruptionBudget[] {
  const apps = workloads.map((w) => w.name);
  const [first, other] = [randomSelector(random, apps), randomSelector(random, apps)];
  const overlap = workloads.some(
    (w) => matchesSelector(first, labelsOf(w)) && matchesSelector(other, labelsOf(w)),
  );
  // Two budgets for all of the same pods, or for none: of several the controller looks at any one when a pod changes.
  const selectors = [first, overlap ? first : other].slice(0, random.pick([0, 1, 1, 2, 2, 2]));
  return selectors.map((selector, i) => {
    const policy = random.pick([undefined, 'IfHealthyBudget', 'AlwaysAllow'] as const);
    return {
      metadata: { name: `budget-${i}`, namespace: world },
      spec: {
        selector,
        ...randomLimit(random, workloads),
        ...(policy ? { unhealthyPodEvictionPolicy: policy } : {}),
      },
    };
  });
}

const labelsOf = ({ manifest }: Workload): Labels | undefined =>
  manifest.object.spec.template.metadata?.labels;

/** Whether another budget is for the same pods. Its status then depends on which of the two the controller looks at. */
export const hasTwin = (budget: PodDisruptionBudget, all: readonly PodDisruptionBudget[]): boolean =>
  all.some(
    (b) =>
      b.metadata.name !== budget.metadata.name && isDeepStrictEqual(b.spec.selector, budget.spec.selector),
  );

function randomLimit(
  random: Random,
  workloads: Workload[],
): Pick<PodDisruptionBudget['spec'], 'minAvailable' | 'maxUnavailable'> {
  // Percentages and maxUnavailable need a scale, and a DaemonSet has none.
  if (workloads.some((w) => w.resource === 'daemonsets')) return { minAvailable: dice(random, 5) };
  return random.pick([
    { minAvailable: dice(random, 5) },
    { minAvailable: random.pick(['30%', '50%', '100%']) },
    { maxUnavailable: dice(random, 3) },
    { maxUnavailable: random.pick(['0%', '25%', '60%', '100%']) },
  ]);
}
