import type { PersistentVolumeClaim, Pod } from '../../cluster/objects.ts';
import type { Objects, Store } from '../kubernetes/store.ts';
import { csiDriver } from './csi-driver.ts';
import { type ControllerOptions, Worker } from './worker.ts';

/** Binds a claim to the volume that was made for it, and asks that the volume of each pod be attached to its node: one node at a time. */
export function startVolumes({ store, clock }: ControllerOptions): () => void {
  const volumes = new Worker(clock, (name) => bind(store, name));
  const attachments = new Worker(clock, (volume) => attachOrDetach(store, volume));
  store.subscribe('persistentvolumes', ({ object }) => volumes.enqueue(object.metadata.name));
  store.subscribe('persistentvolumeclaims', ({ object }) => {
    if (!object.spec.volumeName) return;
    volumes.enqueue(object.spec.volumeName);
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
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const name = volume.persistentVolumeClaim?.claimName;
    const claim = name
      ? store.get('persistentvolumeclaims', { namespace: pod.metadata.namespace ?? '', name })
      : undefined;
    return claim ? [claim] : [];
  });
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

function attachOrDetach(store: Store, volume: string): void {
  const claimRef = store.get('persistentvolumes', { name: volume })?.spec.claimRef;
  const users = store
    .list('pods', { namespace: claimRef?.namespace ?? '' })
    .filter(
      (pod) =>
        pod.spec.nodeName &&
        pod.spec.volumes?.some((v) => v.persistentVolumeClaim?.claimName === claimRef?.name),
    );
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
