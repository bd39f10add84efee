import type { PersistentVolumeClaim, Pod } from '../../cluster/objects.ts';
import { claimNamesOf } from '../../cluster/volumes.ts';
import type { Objects, Store } from '../kubernetes/store.ts';
import { csiDriver } from './csi-driver.ts';
import { type ControllerOptions, Worker } from './worker.ts';

/** Binds a claim to the volume that was made for it, and asks that the volume of each pod be attached to its node: one node at a time. */
export function startVolumes({ store, clock }: ControllerOptions): () => void {
  const volumes = new Worker(clock, (name) => bind(store, name));
  const attachments = new Worker(clock, (volume) => attachOrDetach(store, volume));
  store.subscribe('persistentvolumes', ({ object }) => volumes.enqueue(object.metadata.name));
  store.subscribe('persistentvolumeclaims', ({ type, object }) => {
    if (!object.spec.volumeName) return;
    if (type === 'DELETED') release(store, object.spec.volumeName);
    else volumes.enqueue(object.spec.volumeName);
    attachments.enqueue(object.spec.volumeName);
  });
  store.subscribe('volumeattachments', ({ object }) => {
    attachments.enqueue(object.spec.source.persistentVolumeName ?? '');
  });
  store.subscribe('pods', ({ object }) => {
    for (const claim of claimsOf(store, object))
      if (claim.spec.volumeName) attachments.enqueue(claim.spec.volumeName);
  });
  return () => {
    volumes.stop();
    attachments.stop();
  };
}

export function claimsOf(store: Pick<Objects, 'get'>, pod: Pod): PersistentVolumeClaim[] {
  const { namespace = '' } = pod.metadata;
  return claimNamesOf(pod).flatMap((name) => store.get('persistentvolumeclaims', { namespace, name }) ?? []);
}

function bind(store: Store, name: string): void {
  const { claimRef } = store.get('persistentvolumes', { name })?.spec ?? {};
  const { namespace = '', name: claimName = '', uid } = claimRef ?? {};
  const claim = store.get('persistentvolumeclaims', { namespace, name: claimName });
  if (!claim || claim.status?.phase === 'Bound' || (uid && claim.metadata.uid !== uid)) return;
  if (claim.spec.volumeName && claim.spec.volumeName !== name) return;
  store.modify('persistentvolumes', { name }, (draft) => {
    draft.status = { phase: 'Bound' };
  });
  store.modify('persistentvolumeclaims', claim.metadata, (draft) => {
    draft.spec.volumeName = name;
    draft.status = { phase: 'Bound' };
  });
}

/** A volume outlives its claim; what happens to it then is up to its reclaim policy. */
function release(store: Store, name: string): void {
  store.modify('persistentvolumes', { name }, (draft) => {
    draft.status = { phase: 'Released' };
  });
}

function attachOrDetach(store: Store, volume: string): void {
  const claimRef = store.get('persistentvolumes', { name: volume })?.spec.claimRef;
  const users = store
    .list('pods', { namespace: claimRef?.namespace ?? '' })
    .filter((pod) => pod.spec.nodeName && claimRef?.name && claimNamesOf(pod).includes(claimRef.name));
  const present = store.list('volumeattachments').find((a) => a.spec.source.persistentVolumeName === volume);
  if (present) {
    const inUse = users.some((pod) => pod.spec.nodeName === present.spec.nodeName);
    // The attachment stays, with its finalizer, until the driver has detached the volume.
    if (!inUse && !present.metadata.deletionTimestamp) store.remove('volumeattachments', present.metadata);
    return;
  }
  const user = users.find((pod) => !pod.metadata.deletionTimestamp);
  if (!user?.spec.nodeName) return;
  store.create('volumeattachments', {
    metadata: { name: `csi-${volume}` },
    spec: { attacher: csiDriver, nodeName: user.spec.nodeName, source: { persistentVolumeName: volume } },
    status: { attached: false },
  });
}
