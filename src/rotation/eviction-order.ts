import type { Pod } from '../cluster/objects.ts';
import { ownerOf } from '../cluster/pods.ts';
import type { RotationSettings } from './context.ts';

/** What Kubernetes calls critical, and DNS: the other pods need them while they leave, too. */
export const isCritical = ({ metadata, spec }: Pod): boolean =>
  /^system-(cluster|node)-critical$/.test(spec.priorityClassName ?? '') ||
  metadata.labels?.['k8s-app'] === 'kube-dns';

/** Of the pods that must leave these nodes, those whose turn it is: critical ones when all others are gone, as in Karpenter. */
export function whoseTurn(pods: readonly Pod[]): Pod[] {
  const ordinary = pods.filter((p) => !isCritical(p));
  return ordinary.length > 0 ? ordinary : [...pods];
}

/**
 * Why a pod is left to end by itself instead of being evicted; undefined when it is evicted. Karpenter and cluster-autoscaler
 * honour these annotations, too (https://karpenter.sh/docs/concepts/disruption/#pod-level-controls).
 */
export function leftToEnd(
  pod: Pod,
  { jobs, protectedPods }: Pick<RotationSettings, 'jobs' | 'protectedPods'>,
): string | undefined {
  const { annotations = {} } = pod.metadata;
  if (protectedPods === 'wait') {
    if (annotations['karpenter.sh/do-not-disrupt'] === 'true')
      return 'its annotation karpenter.sh/do-not-disrupt says so (protected-pods: wait)';
    if (annotations['cluster-autoscaler.kubernetes.io/safe-to-evict'] === 'false')
      return 'its annotation cluster-autoscaler.kubernetes.io/safe-to-evict says so (protected-pods: wait)';
  }
  return jobs === 'wait' && ownerOf(pod)?.kind === 'Job' ? 'it is the work of a Job (jobs: wait)' : undefined;
}
