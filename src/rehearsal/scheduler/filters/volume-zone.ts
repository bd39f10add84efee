import { matchesTerm } from '../../../cluster/node-selection.ts';
import { claimNameOf } from '../../../cluster/volumes.ts';
import { controllerOf } from '../../controllers/worker.ts';
import type { Filter } from '../snapshot.ts';

/** A bound volume is only reachable from the nodes that its own affinity names, which on EBS means its zone. */
export const volumeZone: Filter = (pod, { node }, { claims, volumes }) => {
  const { namespace, name: podName, uid } = pod.metadata;
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (!name) continue;
    const claim = claims.find((c) => c.metadata.namespace === namespace && c.metadata.name === name);
    if (!claim)
      return volume.ephemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
        : `persistentvolumeclaim "${name}" not found`;
    if (volume.ephemeral && controllerOf(claim)?.uid !== uid)
      return `PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`;
    const bound = volumes.find((v) => v.metadata.name === claim.spec.volumeName);
    const terms = bound?.spec.nodeAffinity?.required?.nodeSelectorTerms;
    if (terms && !terms.some((term) => matchesTerm(term, node)))
      return 'node(s) had volume node affinity conflict';
  }
  return undefined;
};
