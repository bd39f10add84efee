import type {
  Deployment,
  HorizontalPodAutoscaler,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  StatefulSet,
} from '../cluster/objects.ts';
import type { Kubernetes } from '../cluster/ports.ts';

/** What runs in the cluster at one moment, and what is said about it: what decisions about pods need to know. */
export interface Workloads {
  pods: Pod[];
  budgets: PodDisruptionBudget[];
  replicaSets: ReplicaSet[];
  deployments: Deployment[];
  statefulSets: StatefulSet[];
  autoscalers: HorizontalPodAutoscaler[];
}

export async function readWorkloads(kubernetes: Kubernetes): Promise<Workloads> {
  const [pods, budgets, replicaSets, deployments, statefulSets, autoscalers] = await Promise.all([
    kubernetes.list('pods'),
    kubernetes.list('poddisruptionbudgets'),
    kubernetes.list('replicasets'),
    kubernetes.list('deployments'),
    kubernetes.list('statefulsets'),
    kubernetes.list('horizontalpodautoscalers'),
  ]);
  return {
    pods: pods.items,
    budgets: budgets.items,
    replicaSets: replicaSets.items,
    deployments: deployments.items,
    statefulSets: statefulSets.items,
    autoscalers: autoscalers.items,
  };
}
