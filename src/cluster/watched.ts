import { messageOf } from '../text.ts';
import type { KubernetesObject } from './objects.ts';
import type { Kubernetes, ListOf, ListQuery, Ref } from './ports.ts';
import type { ObjectOf, Resource } from './resources.ts';
import { matchesLabelQuery } from './selectors.ts';

/** A Kubernetes that lists from memory what it watches. */
export interface Watched extends Kubernetes {
  /** Resolves at the next change of anything that is watched. */
  changed(): Promise<void>;
}

/**
 * Lists from memory, kept up to date by one watch per resource that begins with its first list: a wait may look as often as it
 * likes. What this process writes is in memory at once. Everything else goes to the API server, and so does a list that asks for
 * `fresh`, or whose field selector is not `spec.nodeName`. Where watching is not allowed it says so once, and lists each time.
 * The objects are shared: copy before you change one.
 * @param signal ends the watches
 */
export function watched(
  kubernetes: Kubernetes,
  signal: AbortSignal,
  say: (line: string) => void = () => {},
): Watched {
  const memories = new Map<Resource, Memory>();
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const memoryOf = (resource: Resource): Memory => {
    const present = memories.get(resource);
    if (present) return present;
    const memory = new Memory();
    memories.set(resource, memory);
    const over = (error?: unknown) => {
      if (!signal.aborted)
        say(`Cannot watch ${resource} (${messageOf(error)}); listing them again and again instead.`);
      memory.end();
      tell();
    };
    void keep(kubernetes, resource, memory, signal, tell).then(over, over);
    return memory;
  };
  const written = <R extends Resource>(resource: R, object: ObjectOf[R]): ObjectOf[R] => {
    memories.get(resource)?.put(object);
    return object;
  };

  return {
    ...kubernetes,
    async list<R extends Resource>(resource: R, query: ListQuery = {}): Promise<ListOf<ObjectOf[R]>> {
      const { fresh, ...rest } = query;
      if (fresh || !answersFromMemory(query)) return kubernetes.list(resource, rest);
      const memory = memoryOf(resource);
      if (!(await memory.ready)) return kubernetes.list(resource, rest);
      return { items: memory.list(query) as ObjectOf[R][], resourceVersion: memory.version };
    },
    create: async (resource, object) => written(resource, await kubernetes.create(resource, object)),
    update: async (resource, object) => written(resource, await kubernetes.update(resource, object)),
    patch: async (resource, ref: Ref, patch) =>
      written(resource, await kubernetes.patch(resource, ref, patch)),
    changed: () => changed.promise,
  };
}

const onNode = /^spec\.nodeName=([^,]+)$/;

const answersFromMemory = ({ fieldSelector }: ListQuery): boolean =>
  fieldSelector === undefined || onNode.test(fieldSelector);

async function keep(
  kubernetes: Kubernetes,
  resource: Resource,
  memory: Memory,
  signal: AbortSignal,
  tell: () => void,
): Promise<void> {
  const synced = () => {
    memory.complete();
    tell();
  };
  for await (const { type, object } of kubernetes.watch(resource, {}, signal, synced)) {
    if (type === 'DELETED') memory.drop(object);
    else memory.put(object);
    tell();
  }
}

/** The objects of one resource, by namespace and name; pods also by node. */
class Memory {
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #byNode = new Map<string, Map<string, KubernetesObject>>();
  readonly #ready = Promise.withResolvers<boolean>();
  version = '0';

  /** True when everything is known, false when it never will be. */
  ready: Promise<boolean> = this.#ready.promise;

  complete(): void {
    this.#ready.resolve(true);
  }

  /** Nobody tells of changes any more. */
  end(): void {
    this.#ready.resolve(false);
    this.ready = Promise.resolve(false);
    this.#objects.clear();
    this.#byNode.clear();
  }

  /** Older news than what is known is dropped: an own write may be ahead of the watch. */
  put(object: KubernetesObject): void {
    const key = keyOf(object);
    const known = this.#objects.get(key);
    if (known && sameObject(known, object) && isOlder(object, known)) return;
    // Half of what an object weighs, and nobody reads it.
    delete (object.metadata as { managedFields?: unknown }).managedFields;
    this.#forget(key);
    this.#objects.set(key, object);
    const node = nodeOf(object);
    if (node !== undefined) {
      const onIt = this.#byNode.get(node) ?? new Map<string, KubernetesObject>();
      this.#byNode.set(node, onIt.set(key, object));
    }
    this.version = object.metadata.resourceVersion ?? this.version;
  }

  drop(object: KubernetesObject): void {
    const key = keyOf(object);
    const known = this.#objects.get(key);
    // Another object has its name by now.
    if (known && !sameObject(known, object)) return;
    this.#forget(key);
  }

  list({ namespace, labelSelector, fieldSelector }: ListQuery): KubernetesObject[] {
    const node = fieldSelector === undefined ? undefined : onNode.exec(fieldSelector)?.[1];
    const from = node === undefined ? this.#objects : (this.#byNode.get(node) ?? new Map());
    return [...from.values()].filter(
      (o) =>
        (!namespace || o.metadata.namespace === namespace) &&
        (!labelSelector || matchesLabelQuery(labelSelector, o.metadata.labels)),
    );
  }

  #forget(key: string): void {
    const known = this.#objects.get(key);
    if (!known) return;
    this.#objects.delete(key);
    const node = nodeOf(known);
    const onIt = node === undefined ? undefined : this.#byNode.get(node);
    onIt?.delete(key);
    if (node !== undefined && onIt?.size === 0) this.#byNode.delete(node);
  }
}

const keyOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

const sameObject = (one: KubernetesObject, other: KubernetesObject): boolean =>
  one.metadata.uid === other.metadata.uid;

const nodeOf = (object: KubernetesObject): string | undefined =>
  (object as { spec?: { nodeName?: string } }).spec?.nodeName;

/**
 * Versions of one object are numbers that grow
 * (https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version).
 */
function isOlder(one: KubernetesObject, other: KubernetesObject): boolean {
  const [a = '', b = ''] = [one.metadata.resourceVersion, other.metadata.resourceVersion];
  return /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b);
}
