import type { Objects } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Random } from '../world/random.ts';
import { keyOf, refOf, Worker } from './worker.ts';

export const csiDriver = 'ebs.csi.aws.com';
/** The scheduler writes here which node a claim was chosen for (WaitForFirstConsumer). */
export const selectedNode = 'volume.kubernetes.io/selected-node';
export const zoneLabel = 'topology.kubernetes.io/zone';

const attachMs = 150;
const detachMs = 300;
const finalizer = 'external-attacher/ebs-csi-aws-com';

export interface CsiDriverOptions {
  store: Objects;
  clock: WorldClock;
  random: Random;
}

/**
 * What the EBS CSI driver does beside the control plane, embedded or real: makes a zonal volume for a claim whose node was
 * chosen, attaches and detaches when a VolumeAttachment asks for it, and deletes
 * a volume whose claim is gone.
 */
export function startCsiDriver({ store, clock, random }: CsiDriverOptions): () => void {
  const claims = new Worker(clock, (key) => provision(store, random, key));
  const attaching = new Worker(clock, (name) => attach(store, name));
  const detaching = new Worker(clock, (name) => detach(store, name));
  const deleting = new Worker(clock, (name) => deleteReleased(store, name));
  const unsubscribes = [
    store.subscribe('persistentvolumes', ({ type, object }) => {
      if (type !== 'DELETED' && object.status?.phase === 'Released') deleting.enqueue(object.metadata.name);
    }),
    store.subscribe('persistentvolumeclaims', ({ object }) => claims.enqueue(keyOf(object))),
    store.subscribe('volumeattachments', ({ type, object }) => {
      const { name, deletionTimestamp } = object.metadata;
      if (object.spec.attacher !== csiDriver) return;
      if (type === 'DELETED') return deleting.enqueue(object.spec.source.persistentVolumeName ?? '');
      if (deletionTimestamp) detaching.enqueue(name, detachMs);
      else if (!object.status?.attached) attaching.enqueue(name, attachMs);
    }),
  ];
  return () => {
    for (const unsubscribe of unsubscribes) unsubscribe();
    for (const worker of [claims, attaching, detaching, deleting]) worker.stop();
  };
}

function provision(store: Objects, random: Random, key: string): void {
  const claim = store.get('persistentvolumeclaims', refOf(key));
  const node = claim?.metadata.annotations?.[selectedNode];
  const zone = node && store.get('nodes', { name: node })?.metadata.labels?.[zoneLabel];
  if (!claim || claim.spec.volumeName || !zone) return;
  const name = `pvc-${claim.metadata.uid}`;
  if (store.get('persistentvolumes', { name })) return;
  const { namespace = '', name: claimName, uid = '' } = claim.metadata;
  const zones = [{ matchExpressions: [{ key: zoneLabel, operator: 'In' as const, values: [zone] }] }];
  store.create('persistentvolumes', {
    metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': csiDriver } },
    spec: {
      persistentVolumeReclaimPolicy: 'Delete',
      capacity: claim.spec.resources?.requests ?? {},
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      storageClassName: claim.spec.storageClassName ?? '',
      claimRef: { namespace, name: claimName, uid },
      csi: { driver: csiDriver, volumeHandle: `vol-${random.hex(17)}` },
      nodeAffinity: { required: { nodeSelectorTerms: zones } },
    },
  });
}

function deleteReleased(store: Objects, name: string): void {
  const volume = store.get('persistentvolumes', { name });
  const ours =
    volume?.spec.csi?.driver === csiDriver && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
  const attached = store.list('volumeattachments').some((a) => a.spec.source.persistentVolumeName === name);
  if (ours && volume.status?.phase === 'Released' && !attached) store.remove('persistentvolumes', { name });
}

function attach(store: Objects, name: string): void {
  store.modify('volumeattachments', { name }, (draft) => {
    if (draft.metadata.deletionTimestamp) return;
    draft.metadata.finalizers = [finalizer];
    draft.status = { attached: true };
  });
}

function detach(store: Objects, name: string): void {
  store.modify('volumeattachments', { name }, (draft) => {
    draft.status = { attached: false };
    delete draft.metadata.finalizers;
  });
}
