import type { Pod } from './objects.ts';

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

export const isFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Set by the kubelet on the API's copy of a static pod. */
export const isMirror = (pod: Pod): boolean =>
  pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;

/** The kind and name of what controls the pod; undefined for a bare pod. */
export function ownerOf(pod: Pod): { kind: string; name: string; uid: string } | undefined {
  return pod.metadata.ownerReferences?.find((owner) => owner.controller);
}

export const isOfDaemonSet = (pod: Pod): boolean => ownerOf(pod)?.kind === 'DaemonSet';

/** `namespace/name`. */
export const podName = (pod: Pod): string => `${pod.metadata.namespace}/${pod.metadata.name}`;
