import type { Pod } from '../../cluster/objects.ts';
import { claimNameOf } from '../../cluster/volumes.ts';
import type { Store } from '../kubernetes/store.ts';
import { type ControllerOptions, keyOf, ownedBy, refOf, Worker } from './worker.ts';

/** Makes the claim of each ephemeral volume; the pod owns it, so that it goes with the pod (pkg/controller/volume/ephemeral). */
export function startEphemeralVolumes({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => {
    const pod = store.get('pods', refOf(key));
    if (pod && !pod.metadata.deletionTimestamp) makeClaims(store, pod);
  });
  store.subscribe('pods', ({ object }) => {
    if (object.spec.volumes?.some((v) => v.ephemeral)) worker.enqueue(keyOf(object));
  });
  return () => worker.stop();
}

function makeClaims(store: Store, pod: Pod): void {
  const { namespace = '' } = pod.metadata;
  for (const volume of pod.spec.volumes ?? []) {
    const name = volume.ephemeral && claimNameOf(pod, volume);
    if (!name || store.get('persistentvolumeclaims', { namespace, name })) continue;
    const { metadata = {}, spec } = volume.ephemeral?.volumeClaimTemplate ?? { spec: {} };
    store.create('persistentvolumeclaims', {
      metadata: { ...metadata, name, namespace, ownerReferences: ownedBy(pod) },
      spec: structuredClone(spec),
    });
  }
}
