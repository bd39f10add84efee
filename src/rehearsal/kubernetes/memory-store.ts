import type { KubernetesObject, Namespace, Pod } from '../../cluster/objects.ts';
import { KubernetesError, type ListQuery, type Ref } from '../../cluster/ports.ts';
import { apiVersionOf, type ObjectOf, type Resource, resources } from '../../cluster/resources.ts';
import { matchesLabelQuery } from '../../cluster/selectors.ts';
import { rfc3339 } from '../../cluster/times.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Random } from '../world/random.ts';
import { matchesFields } from './field-selector.ts';
import { blockingDependents, dependents, foregroundDeletion, waitingOwners } from './garbage.ts';
import { copyJson, deepFreeze, sameJson } from './json.ts';
import { ObjectIndex } from './object-index.ts';
import type { RemoveOptions, Store, StoreEvent } from './store.ts';

/** How many changes a watch may lag behind before it must list again. */
const historyLength = 5000;
const nameDraws = 8;

type AnyEvent = StoreEvent<Resource> & { resource: Resource; revision: number };
type Listener = (event: StoreEvent<never>) => void;

export function createStore(options: { clock: WorldClock; random: Random }): Store {
  return new MemoryStore(options.clock, options.random);
}

class MemoryStore implements Store {
  readonly #clock: WorldClock;
  readonly #random: Random;
  readonly #objects = new Map<Resource, ObjectIndex>();
  readonly #listeners = new Map<Resource, Set<Listener>>();
  readonly #history: AnyEvent[] = [];
  readonly #undelivered: AnyEvent[] = [];
  #delivering = false;
  /** The history no longer reaches back to the beginning. */
  #forgot = false;
  #revision = 1;

  constructor(clock: WorldClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get revision(): number {
    return this.#revision;
  }

  get<R extends Resource>(resource: R, ref: Ref): ObjectOf[R] | undefined {
    return this.#kind(resource).get(keyOf(resource, ref)) as ObjectOf[R] | undefined;
  }

  list<R extends Resource>(resource: R, query: ListQuery = {}): ObjectOf[R][] {
    return this.#candidates(resource, query).filter((object) => {
      if (query.namespace && object.metadata.namespace !== query.namespace) return false;
      if (query.labelSelector && !matchesLabelQuery(query.labelSelector, object.metadata.labels))
        return false;
      return !query.fieldSelector || matchesFields(query.fieldSelector, object);
    }) as ObjectOf[R][];
  }

  owned<R extends Resource>(resource: R, uid: string): ObjectOf[R][] {
    return this.#kind(resource).with('owner', uid) as ObjectOf[R][];
  }

  /** At least what the query selects, in the order of keys. */
  #candidates(resource: Resource, { namespace, fieldSelector }: ListQuery): KubernetesObject[] {
    const kind = this.#kind(resource);
    const node = /^spec\.nodeName==?([^,]*)$/.exec(fieldSelector ?? '')?.[1];
    if (node !== undefined) return kind.with('node', node);
    return namespace ? kind.with('namespace', namespace) : kind.all();
  }

  create<R extends Resource>(resource: R, object: ObjectOf[R]): ObjectOf[R] {
    const draft = copyJson(object) as KubernetesObject;
    const metadata = draft.metadata;
    metadata.name ??= '';
    if (!resources[resource].namespaced) delete metadata.namespace;
    const prefix = metadata.name ? undefined : metadata.generateName;
    // As API servers do since 1.31 (https://kep.k8s.io/4420): a name that is taken is drawn again.
    for (let draws = 0; prefix && draws < nameDraws; draws++) {
      metadata.name = prefix + this.#random.suffix();
      if (!this.get(resource, metadata)) break;
    }
    if (!metadata.name)
      throw invalid(resource, '', {
        reason: 'FieldValueRequired',
        field: 'metadata.name',
        message: 'Required value: name or generateName is required',
      });
    if (this.get(resource, metadata)) {
      throw new KubernetesError(
        409,
        'AlreadyExists',
        `${described(resource)} "${metadata.name}" already exists`,
      );
    }
    metadata.uid = this.#random.uuid();
    metadata.creationTimestamp = this.#timestamp();
    delete metadata.deletionTimestamp;
    if (countsGenerations(resource)) metadata.generation = 1;
    return this.#commit(resource, draft, undefined) as ObjectOf[R];
  }

  update<R extends Resource>(resource: R, object: ObjectOf[R], subresource?: 'status'): ObjectOf[R] {
    const present = this.get(resource, object.metadata);
    if (!present) throw notFound(resource, object.metadata.name);
    const { resourceVersion, uid } = object.metadata;
    if (
      (resourceVersion && resourceVersion !== present.metadata.resourceVersion) ||
      (uid && uid !== present.metadata.uid)
    ) {
      throw new KubernetesError(
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${described(resource)} "${object.metadata.name}": the object has been modified; please apply your changes to the latest version and try again`,
      );
    }
    const next = copyJson(subresource ? present : object) as KubernetesObject & { status?: unknown };
    const given = copyJson(object) as { status?: unknown };
    const kept = present as { status?: unknown };
    const status = subresource ? given.status : (kept.status ?? given.status);
    if (status !== undefined && hasStatus(resource)) next.status = status;
    return this.#write(resource, next, present) as ObjectOf[R];
  }

  modify<R extends Resource>(
    resource: R,
    ref: Ref,
    change: (draft: ObjectOf[R]) => void,
  ): ObjectOf[R] | undefined {
    const present = this.get(resource, ref);
    if (!present) return undefined;
    const draft = copyJson(present);
    change(draft);
    return this.#write(resource, draft, present) as ObjectOf[R];
  }

  remove<R extends Resource>(resource: R, ref: Ref, options: RemoveOptions = {}): ObjectOf[R] | undefined {
    const present = this.get(resource, ref);
    if (!present) return undefined;
    this.#checkPreconditions(resource, present, options);
    const propagation = options.propagation ?? 'background';
    const grace = resource === 'pods' ? this.#graceOf(present as Pod, options) : 0;
    const waits = propagation === 'foreground' && blockingDependents(this, present).length > 0;
    if (grace === 0 && !waits && finalizersOf(present).length === 0) {
      this.#drop(resource, present);
      this.#collect(present, propagation);
      return present;
    }
    const { deletionTimestamp, deletionGracePeriodSeconds: before = 0 } = present.metadata;
    // A second delete may only bring the end nearer.
    if (deletionTimestamp && (options.gracePeriodSeconds ?? before) >= before) return present;
    const begin = deletionTimestamp ? Date.parse(deletionTimestamp) - before * 1000 : this.#clock.now();
    const marked = this.modify(resource, ref, (draft) => {
      draft.metadata.deletionTimestamp = rfc3339(begin + grace * 1000);
      draft.metadata.deletionGracePeriodSeconds = grace;
      if (waits) draft.metadata.finalizers = [...(draft.metadata.finalizers ?? []), foregroundDeletion];
      if (resource === 'namespaces') (draft as Namespace).status = { phase: 'Terminating' };
    });
    if (waits) this.#collect(present, 'foreground');
    return marked;
  }

  subscribe<R extends Resource>(resource: R, listener: (event: StoreEvent<R>) => void): () => void {
    const listeners = this.#listeners.get(resource) ?? new Set();
    this.#listeners.set(resource, listeners);
    listeners.add(listener as Listener);
    return () => listeners.delete(listener as Listener);
  }

  since<R extends Resource>(
    resource: R,
    revision: number,
  ): { events: (StoreEvent<R> & { revision: number })[] } | 'expired' {
    const oldest = this.#history[0]?.revision ?? this.#revision + 1;
    if (this.#forgot && revision + 1 < oldest) return 'expired';
    const events = this.#history.filter((e) => e.resource === resource && e.revision > revision);
    return { events: events as unknown as (StoreEvent<R> & { revision: number })[] };
  }

  #kind(resource: Resource): ObjectIndex {
    let kind = this.#objects.get(resource);
    if (!kind) {
      kind = new ObjectIndex();
      this.#objects.set(resource, kind);
    }
    return kind;
  }

  #write(resource: Resource, draft: KubernetesObject, present: KubernetesObject): KubernetesObject {
    const { uid, creationTimestamp, generation, resourceVersion } = present.metadata;
    const { deletionTimestamp, deletionGracePeriodSeconds } = present.metadata;
    Object.assign(draft.metadata, { uid, creationTimestamp, resourceVersion });
    if (generation !== undefined) draft.metadata.generation = generation;
    // Nobody takes back a deletion.
    if (deletionTimestamp) draft.metadata.deletionTimestamp ??= deletionTimestamp;
    if (deletionGracePeriodSeconds !== undefined)
      draft.metadata.deletionGracePeriodSeconds ??= deletionGracePeriodSeconds;
    draft.apiVersion = apiVersionOf(resource);
    draft.kind = resources[resource].kind;
    if (sameJson(draft, present)) return present;
    if (countsGenerations(resource) && !sameJson(specOf(draft), specOf(present)))
      draft.metadata.generation = (generation ?? 0) + 1;
    const done = this.#commit(resource, draft, present);
    const released = draft.metadata.deletionTimestamp && finalizersOf(draft).length === 0;
    // A pod that still has grace is its kubelet's to end.
    if (released && (resource !== 'pods' || draft.metadata.deletionGracePeriodSeconds === 0)) {
      this.#drop(resource, done);
      this.#collect(done, 'background');
    }
    return done;
  }

  #commit(
    resource: Resource,
    draft: KubernetesObject,
    previous: KubernetesObject | undefined,
  ): KubernetesObject {
    draft.apiVersion = apiVersionOf(resource);
    draft.kind = resources[resource].kind;
    draft.metadata.resourceVersion = String(++this.#revision);
    deepFreeze(draft);
    this.#kind(resource).set(keyOf(resource, draft.metadata), draft);
    this.#publish(resource, { type: previous ? 'MODIFIED' : 'ADDED', object: draft, previous });
    return draft;
  }

  #drop(resource: Resource, present: KubernetesObject): void {
    this.#kind(resource).delete(keyOf(resource, present.metadata));
    const gone = copyJson(present);
    gone.metadata.resourceVersion = String(++this.#revision);
    this.#publish(resource, { type: 'DELETED', object: deepFreeze(gone), previous: present });
    for (const { resource: kind, owner } of waitingOwners(this, present))
      this.modify(kind, owner.metadata, (draft) => {
        draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter((f) => f !== foregroundDeletion);
      });
  }

  #publish(
    resource: Resource,
    event: {
      type: StoreEvent<Resource>['type'];
      object: KubernetesObject;
      previous: KubernetesObject | undefined;
    },
  ): void {
    const full = { ...event, resource, revision: this.#revision } as AnyEvent;
    this.#history.push(full);
    if (this.#history.length > historyLength) {
      this.#history.splice(0, historyLength / 10);
      this.#forgot = true;
    }
    this.#undelivered.push(full);
    // A listener that writes only adds to the queue: everyone sees the changes in their order.
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#undelivered.shift(); next; next = this.#undelivered.shift()) {
        for (const listener of [...(this.#listeners.get(next.resource) ?? [])]) listener(next as never);
      }
    } finally {
      this.#delivering = false;
    }
  }

  /** Garbage collection: what was owned by the removed object goes too (https://kubernetes.io/docs/concepts/architecture/garbage-collection/). */
  #collect(owner: KubernetesObject, propagation: 'background' | 'foreground' | 'orphan'): void {
    for (const { resource, object } of dependents(this, owner)) {
      const others = (object.metadata.ownerReferences ?? []).filter((o) => o.uid !== owner.metadata.uid);
      if (propagation !== 'orphan' && others.length === 0)
        this.remove(resource, object.metadata, { propagation });
      else
        this.modify(resource, object.metadata, (draft) => {
          if (others.length > 0) draft.metadata.ownerReferences = others;
          else delete draft.metadata.ownerReferences;
        });
    }
  }

  #graceOf(pod: Pod, options: RemoveOptions): number {
    // A pod that no kubelet has yet, or that has ended, needs no grace.
    if (!pod.spec.nodeName || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0;
    return options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  }

  #checkPreconditions(
    resource: Resource,
    present: KubernetesObject,
    { uid, resourceVersion }: RemoveOptions,
  ): void {
    const wrong =
      uid && uid !== present.metadata.uid
        ? `the UID in the precondition (${uid}) does not match the UID in record (${present.metadata.uid}). The object might have been deleted and then recreated`
        : resourceVersion && resourceVersion !== present.metadata.resourceVersion
          ? `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${present.metadata.resourceVersion}). The object might have been modified`
          : undefined;
    if (wrong)
      throw new KubernetesError(
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${described(resource)} "${present.metadata.name}": ${wrong}`,
      );
  }

  #timestamp(): string {
    return rfc3339(this.#clock.now());
  }
}

/** What keeps the object from going once it is deleted; a namespace says it in its spec. */
const finalizersOf = (object: KubernetesObject): string[] => [
  ...(object.metadata.finalizers ?? []),
  ...((specOf(object) as { finalizers?: string[] } | undefined)?.finalizers ?? []),
];
const generations = new Set<Resource>([
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'poddisruptionbudgets',
  'jobs',
]);
const countsGenerations = (resource: Resource): boolean => generations.has(resource);
const statusless = new Set<Resource>([
  'configmaps',
  'secrets',
  'events',
  'leases',
  'endpointslices',
  'storageclasses',
  'csinodes',
]);
export const hasStatus = (resource: Resource): boolean => !statusless.has(resource);
const specOf = (object: KubernetesObject): unknown => (object as { spec?: unknown }).spec;

const keyOf = (resource: Resource, ref: Ref): string =>
  resources[resource].namespaced ? `${ref.namespace}/${ref.name}` : ref.name;

/** `deployments.apps`, as the API server names a resource in its messages. */
export const described = (resource: Resource): string =>
  resources[resource].group ? `${resource}.${resources[resource].group}` : resource;

export const notFound = (resource: Resource, name: string): KubernetesError =>
  new KubernetesError(404, 'NotFound', `${described(resource)} "${name}" not found`);

/** A 422 with its causes: which field, and what is wrong with it. */
export const invalid = (resource: Resource, name: string, ...causes: Cause[]): KubernetesError =>
  new KubernetesError(
    422,
    'Invalid',
    `${resources[resource].kind} "${name}" is invalid: ${causes.map((c) => `${c.field}: ${c.message}`).join(', ')}`,
    causes,
  );

export interface Cause {
  reason: `FieldValue${'Invalid' | 'Required' | 'Duplicate' | 'Forbidden' | 'TooLong'}`;
  field: string;
  message: string;
}
