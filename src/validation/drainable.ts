import type { Pod } from '../cluster/objects.ts';
import { ownerOf } from '../cluster/pods.ts';
import { staysBecause } from '../rotation/drain.ts';
import { deploymentOf } from '../rotation/rollout.ts';
import type { ReadableView } from './check.ts';

/** The pods that a rotation evicts: those on outdated members that do not stay with their node. */
export function drainable(view: Pick<ReadableView, 'pods' | 'members'>): Pod[] {
  const leaving = new Set(
    view.members.filter((m) => m.state === 'outdated').flatMap((m) => m.node?.metadata.name ?? []),
  );
  return view.pods.filter((pod) => leaving.has(pod.spec.nodeName ?? '') && !staysBecause(pod));
}

/** How many replicas the controller of the pod wants; 0 for a bare pod. */
export function scaleOf(
  view: Pick<ReadableView, 'deployments' | 'replicaSets' | 'statefulSets'>,
  pod: Pod,
): number {
  const owner = ownerOf(pod);
  const deployment = deploymentOf(pod, view.replicaSets, view.deployments);
  if (deployment) return deployment.spec.replicas ?? 1;
  const owned = [...view.statefulSets, ...view.replicaSets].find((w) => w.metadata.uid === owner?.uid);
  return owned ? (owned.spec.replicas ?? 1) : 0;
}
