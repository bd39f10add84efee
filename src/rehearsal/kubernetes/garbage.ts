import type { KubernetesObject } from '../../cluster/objects.ts';
import { type Resource, resources } from '../../cluster/resources.ts';
import type { Store } from './store.ts';

/** The finalizer of an object that waits until what it owns is gone. */
export const foregroundDeletion = 'foregroundDeletion';

/** The kinds that anything owns here. */
const ownable: Resource[] = [
  'pods',
  'replicasets',
  'endpointslices',
  'jobs',
  'persistentvolumeclaims',
  'configmaps',
  'leases',
  'csinodes',
];
const owning = new Map<string, Resource>(
  (['deployments', 'replicasets', 'statefulsets', 'daemonsets', 'services', 'jobs', 'nodes'] as const).map(
    (resource) => [resources[resource].kind, resource],
  ),
);

interface Dependent {
  resource: Resource;
  object: KubernetesObject;
}

export function dependents(store: Store, owner: KubernetesObject): Dependent[] {
  return ownable.flatMap((resource) =>
    store.owned(resource, owner.metadata.uid ?? '').map((object) => ({ resource, object })),
  );
}

/** The dependents that a foreground deletion of their owner waits for. */
export const blockingDependents = (store: Store, owner: KubernetesObject): Dependent[] =>
  dependents(store, owner).filter(({ object }) =>
    object.metadata.ownerReferences?.some((o) => o.uid === owner.metadata.uid && o.blockOwnerDeletion),
  );

/** The owners whose foreground deletion waited for the object, which is gone now, and for nothing else. */
export function waitingOwners(
  store: Store,
  gone: KubernetesObject,
): { resource: Resource; owner: KubernetesObject }[] {
  return (gone.metadata.ownerReferences ?? []).flatMap(({ kind, name, uid }) => {
    const resource = owning.get(kind);
    const owner = resource && store.get(resource, { namespace: gone.metadata.namespace, name });
    if (!owner || owner.metadata.uid !== uid) return [];
    const waits = owner.metadata.finalizers?.includes(foregroundDeletion);
    return waits && blockingDependents(store, owner).length === 0 ? [{ resource, owner }] : [];
  });
}
