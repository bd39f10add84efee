import type { DaemonSet, Deployment, StatefulSet } from '../../../src/cluster/objects.ts';
import type { Machine } from '../../../src/rehearsal/world/machine.ts';
import type { Random } from '../../../src/rehearsal/world/random.ts';
import { chance, dice } from './dice.ts';
import { templateOf } from './random-template.ts';
import type { Placement, Workload, WorkloadManifest } from './world.ts';

export function randomWorkloads(random: Random, world: string, machines: Machine[]): Workload[] {
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
