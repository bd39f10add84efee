import { budgetsOf, oneMoreHelps, steadyAllowance } from '../cluster/budgets.ts';
import type {
  Deployment,
  HorizontalPodAutoscaler,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
} from '../cluster/objects.ts';
import { isReady, isTerminating, ownerOf } from '../cluster/pods.ts';
import { scaled } from '../cluster/quantities.ts';
import { staysBecause } from './drain.ts';

/** Says of one Deployment that it must never have a replica more: `"false"`. */
export const surgeAnnotation = 'eks-rolling/rollout-surge';

/** Who gets a replica more while nodes are drained: single replicas and what a budget holds, or nobody. */
export type RolloutSurge = 'single-and-blocked' | 'off';

/** What is known of the things that a Deployment depends on. */
export interface Surroundings {
  autoscalers?: readonly HorizontalPodAutoscaler[];
  /** The claims of its pods; one that is not here counts as usable on one node only. */
  claims?: readonly PersistentVolumeClaim[];
}

/** A Deployment that eviction would interrupt, or that its budget would hold. */
export interface SurgeDecision {
  deployment: Deployment;
  /** `single`: its only ready pod would leave. `blocked`: its budget would refuse every eviction. */
  why: 'single' | 'blocked';
  /** Where replicas are changed when not in the Deployment: an autoscaler would overwrite them there. */
  autoscaler?: HorizontalPodAutoscaler;
  /** Why it gets no replica more all the same; undefined when it gets one. */
  refused?: string;
}

/**
 * Which Deployments need one replica more before these pods leave, and why some do not get it. Each is named once, by the
 * first of its pods.
 */
export function surgeDecisions(
  pods: readonly Pod[],
  budgets: readonly PodDisruptionBudget[],
  replicaSets: readonly ReplicaSet[],
  deployments: readonly Deployment[],
  around: Surroundings = {},
): SurgeDecision[] {
  const found = new Map<string, SurgeDecision>();
  for (const pod of pods) {
    const deployment = deploymentOf(pod, replicaSets, deployments);
    const { uid = '' } = deployment?.metadata ?? {};
    if (!deployment || found.has(uid) || staysBecause(pod) || isTerminating(pod)) continue;
    const own = budgetsOf(pod, budgets);
    const replicas = deployment.spec.replicas ?? 1;
    const blocked = own.some((b) => steadyAllowance(b, replicas) <= 0);
    // A single pod that does not serve leaves nobody without service.
    if (!blocked && !(replicas === 1 && isReady(pod))) continue;
    const autoscaler = autoscalerOf(deployment, around.autoscalers ?? []);
    const refused = notSurgedBecause(deployment, pod, own, around);
    found.set(uid, {
      deployment,
      why: blocked ? 'blocked' : 'single',
      ...(autoscaler ? { autoscaler } : {}),
      ...(refused ? { refused } : {}),
    });
  }
  return [...found.values()];
}

/** The Deployments that get one replica more for the time of the drain. */
export const deploymentsToSurge = (...given: Parameters<typeof surgeDecisions>): Deployment[] =>
  surgeDecisions(...given).flatMap(({ deployment, refused }) => (refused ? [] : [deployment]));

export function deploymentOf(
  pod: Pod,
  replicaSets: readonly ReplicaSet[],
  deployments: readonly Deployment[],
): Deployment | undefined {
  const set = replicaSets.find((r) => r.metadata.uid === ownerOf(pod)?.uid);
  const parent = set?.metadata.ownerReferences?.find((o) => o.controller);
  return deployments.find((d) => d.metadata.uid === parent?.uid);
}

/**
 * The autoscaler that sets the replicas of the Deployment. One that is switched off, by replicas: 0, sets nothing
 * (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#implicit-maintenance-mode-deactivation).
 */
export function autoscalerOf(
  { metadata }: Deployment,
  autoscalers: readonly HorizontalPodAutoscaler[],
): HorizontalPodAutoscaler | undefined {
  return autoscalers.find(
    ({ metadata: { namespace }, spec: { scaleTargetRef: target }, status }) =>
      namespace === metadata.namespace &&
      target.kind === 'Deployment' &&
      target.name === metadata.name &&
      !status?.conditions?.some((c) => c.type === 'ScalingActive' && c.reason === 'ScalingDisabled'),
  );
}

/** Whether one replica more for a moment lets the pod go. */
export const canSurge = (
  deployment: Deployment,
  pod: Pod,
  budgets: readonly PodDisruptionBudget[],
  around: Surroundings = {},
): boolean => notSurgedBecause(deployment, pod, budgets, around) === undefined;

/**
 * Why the Deployment gets no replica more, as the end of "… because"; undefined when it can. Two pods at once must be allowed
 * by its owner and by what it holds; the replica must change what its budgets allow; and nothing may take it away again.
 */
export function notSurgedBecause(
  deployment: Deployment,
  pod: Pod,
  budgets: readonly PodDisruptionBudget[],
  around: Surroundings = {},
): string | undefined {
  const { replicas = 1, strategy, paused } = deployment.spec;
  if (deployment.metadata.annotations?.[surgeAnnotation] === 'false')
    return `its annotation ${surgeAnnotation} says so`;
  if (paused) return 'it is paused';
  if (strategy?.type === 'Recreate') return 'its strategy Recreate never has two pods at once';
  if (scaled(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, 'up') === 0)
    return 'its rolling update never has a pod too many (maxSurge: 0)';
  const claim = boundClaim(pod, around.claims ?? []);
  if (claim) return `its volume claim ${claim} cannot be used on two nodes at once`;
  if (pod.spec.containers.some((c) => c.ports?.some((p) => p.hostPort)))
    return 'its pods have a host port, which their node gives to one of them only';
  if (budgets.length > 1) return 'several budgets select its pods, so that none can be evicted';
  if (!budgets.every((b) => oneMoreHelps(b, replicas)))
    return 'its budget would want one more, too, and still allow no eviction';
  return keptBecause(autoscalerOf(deployment, around.autoscalers ?? []), replicas);
}

/** Why an autoscaler cannot be asked for one more replica. */
function keptBecause(autoscaler: HorizontalPodAutoscaler | undefined, replicas: number): string | undefined {
  if (!autoscaler) return undefined;
  const { metadata, spec } = autoscaler;
  const what = `its HorizontalPodAutoscaler ${metadata.name}`;
  const owner = metadata.ownerReferences?.find((o) => o.controller);
  if (owner) return `${what} belongs to ${owner.kind} ${owner.name}, which would undo the change`;
  return spec.maxReplicas > replicas
    ? undefined
    : `${what} allows no more than ${spec.maxReplicas} (maxReplicas)`;
}

/** A claim of the pod that one node at a time can use. */
function boundClaim(pod: Pod, claims: readonly PersistentVolumeClaim[]): string | undefined {
  const names = (pod.spec.volumes ?? []).flatMap((v) => v.persistentVolumeClaim?.claimName ?? []);
  return names.find((name) => {
    const claim = claims.find(
      (c) => c.metadata.namespace === pod.metadata.namespace && c.metadata.name === name,
    );
    return !claim?.spec.accessModes?.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany');
  });
}
