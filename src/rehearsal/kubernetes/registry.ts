import { KubernetesError, type ListQuery, type Patch, type Ref } from '../../cluster/ports.ts';
import { type ObjectOf, type Resource, resources } from '../../cluster/resources.ts';
import type { WorldClock } from '../world/clock.ts';
import { withDefaults } from './defaults.ts';
import { type EvictionRequest, evict } from './eviction.ts';
import { notFound } from './memory-store.ts';
import { applyPatch } from './patch.ts';
import type { RemoveOptions, Store } from './store.ts';
import { validate } from './validation.ts';

export interface WriteOptions {
  dryRun?: boolean;
  subresource?: 'status';
}

/** The verbs of the API server over the store: defaulting, patches, dry run, subresources. Used over HTTPS and in one process. */
export class Registry {
  readonly store: Store;
  readonly #clock: WorldClock;

  constructor(store: Store, clock: WorldClock) {
    this.store = store;
    this.#clock = clock;
  }

  /** @throws KubernetesError 404. */
  get<R extends Resource>(resource: R, ref: Ref): ObjectOf[R] {
    const found = this.store.get(resource, ref);
    if (!found) throw notFound(resource, ref.name);
    return found;
  }

  list<R extends Resource>(resource: R, query: ListQuery): ObjectOf[R][] {
    return this.store.list(resource, query);
  }

  create<R extends Resource>(resource: R, object: ObjectOf[R], options: WriteOptions = {}): ObjectOf[R] {
    if (resources[resource].namespaced) this.#admit(object.metadata.namespace ?? '');
    const filled = withDefaults(resource, object);
    validate(resource, filled, undefined);
    return options.dryRun ? filled : this.store.create(resource, filled);
  }

  update<R extends Resource>(resource: R, object: ObjectOf[R], options: WriteOptions = {}): ObjectOf[R] {
    const present = this.get(resource, object.metadata);
    if (!options.subresource) validate(resource, object, present);
    if (options.dryRun) return object;
    return this.store.update(resource, object, options.subresource);
  }

  patch<R extends Resource>(resource: R, ref: Ref, patch: Patch, options: WriteOptions = {}): ObjectOf[R] {
    const present = this.get(resource, ref);
    const patched = applyPatch(present, patch);
    // A patch that does not name a version applies to whatever is there now, and keeps the one that it found.
    return this.update(resource, patched, options);
  }

  remove<R extends Resource>(
    resource: R,
    ref: Ref,
    options: RemoveOptions & { dryRun?: boolean } = {},
  ): ObjectOf[R] {
    const present = this.get(resource, ref);
    if (options.dryRun) return present;
    return this.store.remove(resource, ref, options) ?? present;
  }

  /** Nothing new comes into a namespace that does not exist or is being deleted. */
  #admit(name: string): void {
    const namespace = this.store.get('namespaces', { name });
    if (!namespace) throw notFound('namespaces', name);
    if (!namespace.metadata.deletionTimestamp) return;
    throw new KubernetesError(
      403,
      'Forbidden',
      `unable to create new content in namespace ${name} because it is being terminated`,
      [{ reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated` }],
    );
  }

  evict(request: EvictionRequest): void {
    this.#admit(request.namespace);
    evict(this.store, this.#clock.now(), request);
  }

  /** The scale subresource of workloads. */
  scale(resource: Resource, ref: Ref, replicas?: number): { replicas: number; resourceVersion: string } {
    if (resource !== 'deployments' && resource !== 'replicasets' && resource !== 'statefulsets') {
      throw new KubernetesError(404, 'NotFound', `${resource} have no scale subresource`);
    }
    if (replicas !== undefined) {
      const changed = this.store.modify(resource, ref, (draft) => {
        draft.spec.replicas = replicas;
      });
      if (!changed) throw notFound(resource, ref.name);
    }
    const object = this.get(resource, ref);
    return { replicas: object.spec.replicas ?? 1, resourceVersion: object.metadata.resourceVersion ?? '' };
  }
}
