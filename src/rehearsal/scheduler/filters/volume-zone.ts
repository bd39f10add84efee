import { matchesTerm } from '../../../cluster/node-selection.ts';
import type { Filter } from '../snapshot.ts';

/** A bound volume is only reachable from the nodes that its own affinity names, which on EBS means its zone. */
export const volumeZone: Filter = (pod, { node }, { claims, volumes }) => {
  for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
    if (!persistentVolumeClaim) continue;
    const claim = claims.find(
      (c) =>
        c.metadata.namespace === pod.metadata.namespace &&
        c.metadata.name === persistentVolumeClaim.claimName,
    );
    if (!claim) return `persistentvolumeclaim "${persistentVolumeClaim.claimName}" not found`;
    const volume = volumes.find((v) => v.metadata.name === claim.spec.volumeName);
    const terms = volume?.spec.nodeAffinity?.required?.nodeSelectorTerms;
    if (terms && !terms.some((term) => matchesTerm(term, node)))
      return 'node(s) had volume node affinity conflict';
  }
  return undefined;
};
