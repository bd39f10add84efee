import type { Container, PodSpec, PodTemplate, Toleration } from '../../../src/cluster/objects.ts';
import type { Random } from '../../../src/rehearsal/world/random.ts';
import { chance } from './dice.ts';
import { dedicated, maintenance, type Placement } from './world.ts';

export function templateOf(
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
