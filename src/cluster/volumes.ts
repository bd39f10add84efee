import type { Pod, Volume } from './objects.ts';

/**
 * The name of the claim behind a volume of the pod: the one it names, or the one that is made for it alone, which carries
 * the names of both (https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming).
 * Undefined for a volume without a claim.
 */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.ephemeral) return `${pod.metadata.name}-${volume.name}`;
  return volume.persistentVolumeClaim?.claimName;
}

/** The names of all claims of the pod; they are in its namespace. */
export const claimNamesOf = (pod: Pod): string[] =>
  (pod.spec.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
