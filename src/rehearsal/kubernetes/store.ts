import type { ListQuery, Ref } from '../../cluster/ports.ts';
import type { ObjectOf, Resource } from '../../cluster/resources.ts';

export type StoreEvent<R extends Resource> = {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: ObjectOf[R];
  /** The object before the change; undefined for ADDED. */
  previous: ObjectOf[R] | undefined;
};

export interface RemoveOptions {
  uid?: string;
  resourceVersion?: string;
  /** Pods: undefined means the pod's own grace. 0 removes at once, as the kubelet does when a pod has stopped. */
  gracePeriodSeconds?: number;
  /** Default `background`. */
  propagation?: 'background' | 'foreground' | 'orphan';
}

/**
 * The objects of the embedded cluster, with the rules that the API server's storage has: one revision counter, optimistic
 * concurrency, generation bumped on spec changes, finalizers, graceful pod deletion, watch history.
 * Every call is synchronous and throws KubernetesError like the API would. Objects handed out are shared and must not be
 * changed (they are frozen); use `modify`.
 */
export interface Store {
  readonly revision: number;
  get<R extends Resource>(resource: R, ref: Ref): ObjectOf[R] | undefined;
  list<R extends Resource>(resource: R, query?: ListQuery): ObjectOf[R][];
  /** What names this owner, by uid. */
  owned<R extends Resource>(resource: R, uid: string): ObjectOf[R][];
  /** Fills name (from generateName), uid, creationTimestamp, resourceVersion, generation; 409 AlreadyExists. */
  create<R extends Resource>(resource: R, object: ObjectOf[R]): ObjectOf[R];
  /** Without subresource: everything but status. With `status`: status only. 409 Conflict on a stale resourceVersion. No-op writes keep the version. */
  update<R extends Resource>(resource: R, object: ObjectOf[R], subresource?: 'status'): ObjectOf[R];
  /** Read, change a copy, write (spec, metadata and status). Undefined when there is no such object. */
  modify<R extends Resource>(
    resource: R,
    ref: Ref,
    change: (draft: ObjectOf[R]) => void,
  ): ObjectOf[R] | undefined;
  /** Undefined when there was none. Returns the object as it now is (terminating) or was (removed). */
  remove<R extends Resource>(resource: R, ref: Ref, options?: RemoveOptions): ObjectOf[R] | undefined;
  /** Called after each commit, in order; listeners may write. Returns the unsubscribe function. */
  subscribe<R extends Resource>(resource: R, listener: (event: StoreEvent<R>) => void): () => void;
  /** What happened after `revision`, or `expired` when that is older than the history (410). */
  since<R extends Resource>(
    resource: R,
    revision: number,
  ): { events: (StoreEvent<R> & { revision: number })[] } | 'expired';
}

/** What kubelets and onlookers need of the objects, whichever API server holds them. */
export type Objects = Pick<Store, 'get' | 'list' | 'create' | 'modify' | 'remove' | 'subscribe'>;
