import type { PersistentVolumeClaim, Pod } from '../../cluster/objects.ts';
import type { Objects, Store } from '../kubernetes/store.ts';
import type { Random } from '../world/random.ts';
import { type ControllerOptions, keyOf, refOf, Worker } from './worker.ts';

const attachMs = 150;
const detachMs = 300;
const zoneLabel = 'topology.kubernetes.io/zone';

/** The scheduler writes here which node a claim was chosen for (WaitForFirstConsumer). */
export const selectedNode = 'volume.kubernetes.io/selected-node';

/** Makes zonal volumes for claims, and attaches each to the node of the pod that uses it: one node at a time. */
export function startVolumes({ store, clock, random }: ControllerOptions): () => void {
  const claims = new Worker(clock, (key) => provision(store, random, key));
  const attachments = new Worker(clock, (volume) => attach(store, volume, attachments));
  store.subscribe('persistentvolumeclaims', ({ object }) => {
    claims.enqueue(keyOf(object));
    if (object.spec.volumeName) attachments.enqueue(object.spec.volumeName);
  });
  store.subscribe('pods', ({ object }) => {
    for (const claim of claimsOf(store, object))
      if (claim.spec.volumeName) attachments.enqueue(claim.spec.volumeName);
  });
  return () => {
    claims.stop();
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

function provision(store: Store, random: Random, key: string): void {
  const claim = store.get('persistentvolumeclaims', refOf(key));
  const node = claim?.metadata.annotations?.[selectedNode];
  if (!claim || claim.spec.volumeName || !node) return;
  const zone = store.get('nodes', { name: node })?.metadata.labels?.[zoneLabel];
  if (!zone) return;
  const name = `pvc-${claim.metadata.uid}`;
  store.create('persistentvolumes', {
    metadata: { name },
    spec: {
      capacity: claim.spec.resources?.requests ?? {},
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      storageClassName: claim.spec.storageClassName ?? '',
      claimRef: {
        namespace: claim.metadata.namespace ?? '',
        name: claim.metadata.name,
        uid: claim.metadata.uid ?? '',
      },
      csi: { driver: 'ebs.csi.aws.com', volumeHandle: `vol-${random.hex(17)}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: zoneLabel, operator: 'In', values: [zone] }] }],
        },
      },
    },
    status: { phase: 'Bound' },
  });
  store.modify('persistentvolumeclaims', claim.metadata, (draft) => {
    draft.spec.volumeName = name;
    draft.status = { phase: 'Bound' };
  });
}

function attach(store: Store, volume: string, worker: Worker): void {
  const claimRef = store.get('persistentvolumes', { name: volume })?.spec.claimRef;
  const users = store
    .list('pods', { namespace: claimRef?.namespace ?? '' })
    .filter(
      (pod) =>
        pod.spec.nodeName &&
        pod.spec.volumes?.some((v) => v.persistentVolumeClaim?.claimName === claimRef?.name),
    );
  const name = `csi-${volume}`;
  const present = store.get('volumeattachments', { name });
  if (present) {
    const inUse = users.some((pod) => pod.spec.nodeName === present.spec.nodeName);
    if (!inUse && present.status?.attached) {
      // Unmounting and detaching take a while; the attachment object stays until it is done.
      store.modify('volumeattachments', { name }, (draft) => {
        draft.status = { attached: false };
      });
      worker.enqueue(volume, detachMs);
    } else if (!inUse) {
      store.remove('volumeattachments', { name });
      worker.enqueue(volume);
    } else if (!present.status?.attached) {
      store.modify('volumeattachments', { name }, (draft) => {
        draft.status = { attached: true };
      });
    }
    return;
  }
  const user = users.find((pod) => !pod.metadata.deletionTimestamp);
  if (!user?.spec.nodeName) return;
  store.create('volumeattachments', {
    metadata: { name },
    spec: {
      attacher: 'ebs.csi.aws.com',
      nodeName: user.spec.nodeName,
      source: { persistentVolumeName: volume },
    },
    status: { attached: false },
  });
  worker.enqueue(volume, attachMs);
}
