import type { Pod } from '../../../src/cluster/objects.ts';
import { isReady } from '../../../src/cluster/pods.ts';
import { hasTwin } from './random-budgets.ts';
import { appOf, type View } from './view.ts';
import type { Workload, World } from './world.ts';

/** What must be equal in every cluster, however long things took and however ties were broken. */
export interface EndState {
  workloads: Record<string, Facts>;
  nodes: Record<string, Facts>;
  budgets: Record<string, Facts>;
  services: Record<string, Facts>;
}

export type Facts = Record<string, unknown>;

/** @param uneven the workloads of which the scheduler or a ReplicaSet was free to choose what is on which node */
export function endState(view: View, world: World, uneven: ReadonlySet<string>): EndState {
  const slotOf = new Map(view.nodes.map((n) => [n.metadata.name, n.metadata.labels?.slot ?? '']));
  const lone = view.poddisruptionbudgets.filter((b) => !hasTwin(b, view.poddisruptionbudgets));
  return {
    workloads: Object.fromEntries(
      world.workloads.map((workload) => {
        const pods = view.pods.filter((p) => appOf(p) === workload.name);
        const settled = workload.placement.how !== 'anywhere' && !uneven.has(workload.name);
        return [
          workload.name,
          {
            ...statusOf(view, workload),
            ...podFacts(pods),
            ...(workload.resource === 'statefulsets' ? { names: namedStates(pods) } : {}),
            ...(settled ? { perNode: perNode(pods, slotOf) } : {}),
          },
        ];
      }),
    ),
    nodes: Object.fromEntries(
      view.nodes.map(({ metadata, spec, status }) => [
        slotOf.get(metadata.name) ?? '',
        {
          ready: status?.conditions?.find((c) => c.type === 'Ready')?.status,
          unschedulable: spec.unschedulable ?? false,
          taints: (spec.taints ?? []).map((t) => `${t.key}:${t.effect}`).sort(),
        },
      ]),
    ),
    budgets: Object.fromEntries(
      lone.map(({ metadata, status }) => [
        metadata.name,
        {
          expectedPods: status?.expectedPods,
          desiredHealthy: status?.desiredHealthy,
          currentHealthy: status?.currentHealthy,
          disruptionsAllowed: status?.disruptionsAllowed,
        },
      ]),
    ),
    services: Object.fromEntries(world.workloads.map(({ name }) => [name, endpointFacts(view, name)])),
  };
}

/** The counts that the API leaves out when they are zero. */
const counts = <T extends string>(status: { [K in T]?: number } | undefined, names: T[]): Facts =>
  Object.fromEntries(names.map((name) => [name, status?.[name] ?? 0]));

function statusOf(view: View, { resource, name }: Workload): Facts {
  const found = <T extends { metadata: { name: string } }>(objects: T[]) =>
    objects.find((o) => o.metadata.name === name);
  switch (resource) {
    case 'deployments': {
      const deployment = found(view.deployments);
      const sizes = view.replicasets
        .filter((r) => appOf(r) === name && (r.spec.replicas ?? 0) > 0)
        .map((r) => `${r.spec.replicas}, ${r.status?.readyReplicas ?? 0} ready`);
      return {
        ...counts(deployment?.status, [
          'replicas',
          'updatedReplicas',
          'readyReplicas',
          'availableReplicas',
          'unavailableReplicas',
        ]),
        available: deployment?.status?.conditions?.find((c) => c.type === 'Available')?.status,
        replicaSets: sizes.sort(),
      };
    }
    case 'replicasets':
      return counts(found(view.replicasets)?.status, ['replicas', 'readyReplicas', 'availableReplicas']);
    case 'statefulsets':
      return counts(found(view.statefulsets)?.status, [
        'replicas',
        'readyReplicas',
        'availableReplicas',
        'updatedReplicas',
      ]);
    case 'daemonsets':
      return counts(found(view.daemonsets)?.status, [
        'desiredNumberScheduled',
        'currentNumberScheduled',
        'updatedNumberScheduled',
        'numberReady',
        'numberAvailable',
        'numberUnavailable',
        'numberMisscheduled',
      ]);
  }
}

function podFacts(pods: Pod[]): Facts {
  return {
    ready: pods.filter(isReady).length,
    notReady: pods.filter((p) => p.spec.nodeName && !isReady(p)).length,
    unschedulable: pods.filter((p) => !p.spec.nodeName && unschedulable(p)).length,
    unscheduledOtherwise: pods.filter((p) => !p.spec.nodeName && !unschedulable(p)).length,
  };
}

const unschedulable = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'Unschedulable') ?? false;

const namedStates = (pods: Pod[]): string[] =>
  pods.map(
    (p) => `${p.metadata.name} ${isReady(p) ? 'ready' : p.spec.nodeName ? 'not ready' : 'unscheduled'}`,
  );

function perNode(pods: Pod[], slotOf: Map<string, string>): Facts {
  const found: Record<string, number> = Object.fromEntries([...slotOf.values()].map((slot) => [slot, 0]));
  for (const { spec } of pods) {
    if (!spec.nodeName) continue;
    const slot = slotOf.get(spec.nodeName) ?? 'a node that does not exist';
    found[slot] = (found[slot] ?? 0) + 1;
  }
  return found;
}

function endpointFacts(view: View, service: string): Facts {
  const endpoints = view.endpointslices
    .filter((s) => s.metadata.labels?.['kubernetes.io/service-name'] === service)
    .flatMap((s) => s.endpoints ?? []);
  const ready = endpoints.filter((e) => e.conditions?.ready).length;
  return { ready, notReady: endpoints.length - ready };
}
