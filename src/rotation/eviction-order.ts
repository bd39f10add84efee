import type { Pod } from '../cluster/objects.ts';

/** What Kubernetes calls critical, and DNS: the other pods need them while they leave, too. */
export const isCritical = ({ metadata, spec }: Pod): boolean =>
  /^system-(cluster|node)-critical$/.test(spec.priorityClassName ?? '') ||
  metadata.labels?.['k8s-app'] === 'kube-dns';

/** Of the pods that must leave these nodes, those whose turn it is: critical ones when all others are gone, as in Karpenter. */
export function whoseTurn(pods: readonly Pod[]): Pod[] {
  const ordinary = pods.filter((p) => !isCritical(p));
  return ordinary.length > 0 ? ordinary : [...pods];
}
