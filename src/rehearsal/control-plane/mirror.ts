import type { KubernetesObject } from '../../cluster/objects.ts';
import { type Kubernetes, KubernetesError, type ListQuery, type Ref } from '../../cluster/ports.ts';
import { type ObjectOf, pathOf, type Resource } from '../../cluster/resources.ts';
import { matchesLabelQuery } from '../../cluster/selectors.ts';
import { type Connection, readBody, send } from '../../kubernetes/connection.ts';
import { errorFrom } from '../../kubernetes/errors.ts';
import { messageOf } from '../../text.ts';
import { matchesFields } from '../kubernetes/field-selector.ts';
import { sameJson } from '../kubernetes/json.ts';
import type { Objects, StoreEvent } from '../kubernetes/store.ts';
import { mergePatch } from './merge-patch.ts';

type Anything = KubernetesObject & { status?: unknown };
type Listener = (event: StoreEvent<Resource>) => void;
type Write = () => Promise<void>;

export interface Mirror extends Objects {
  /** Waits until everything that was written has been answered. */
  settled(): Promise<void>;
  stop(): void;
}

const statuses = new Set<Resource>(['pods', 'nodes', 'volumeattachments', 'persistentvolumeclaims']);

/**
 * The objects of a real API server as a store: reads come from a copy that watches keep up to date, writes are sent in the
 * background, per object in their order, as merge patches of what was changed. So whatever runs on the embedded store, the
 * kubelets above all, runs on a real control plane too. What others changed meanwhile is kept.
 */
export async function startMirror(
  connection: Connection,
  kubernetes: Kubernetes,
  mirrored: readonly Resource[],
  say: (line: string) => void,
): Promise<Mirror> {
  const copies = new Map<Resource, Map<string, Anything>>();
  const listeners = new Map<Resource, Set<Listener>>();
  const queues = new Map<string, Promise<void>>();
  const stopped = new AbortController();

  const copyOf = (resource: Resource): Map<string, Anything> => {
    const copy = copies.get(resource);
    if (!copy) throw new Error(`${resource} are not mirrored.`);
    return copy;
  };
  const emit = (
    resource: Resource,
    type: StoreEvent<Resource>['type'],
    object: Anything,
    previous?: Anything,
  ) => {
    for (const listener of listeners.get(resource) ?? [])
      listener({ type, object, previous } as StoreEvent<Resource>);
  };
  const see = (resource: Resource, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Anything): void => {
    const copy = copyOf(resource);
    const key = keyOf(object.metadata);
    const previous = copy.get(key);
    if (type === 'DELETED') {
      if (previous && copy.delete(key)) emit(resource, 'DELETED', object, previous);
      return;
    }
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    copy.set(key, object);
    if (previous && previous.metadata.uid !== object.metadata.uid) {
      emit(resource, 'DELETED', previous, previous);
      emit(resource, 'ADDED', object);
    } else emit(resource, previous ? 'MODIFIED' : 'ADDED', object, previous);
  };
  const follow = async (resource: Resource): Promise<void> => {
    for await (const { type, object } of kubernetes.watch(resource, {}, stopped.signal))
      see(resource, type, object as Anything);
  };
  const write = (resource: Resource, ref: Ref, what: Write): void => {
    const key = `${resource}/${keyOf(ref)}`;
    const before = queues.get(key) ?? Promise.resolve();
    const done = before
      .then(() => (stopped.signal.aborted ? undefined : what()))
      .catch((error) => {
        if (!stopped.signal.aborted && !isOvertaken(error)) say(`${key}: ${messageOf(error)}`);
      })
      .finally(() => {
        if (queues.get(key) === done) queues.delete(key);
      });
    queues.set(key, done);
  };
  const patch = async (path: string, body: object, how: 'merge' | 'strategic-merge'): Promise<void> => {
    const contentType = `application/${how}-patch+json`;
    const response = await send(connection, { method: 'PATCH', path, body, contentType });
    const text = await readBody(response);
    if (response.statusCode !== 200) throw errorFrom(`PATCH ${path}`, response, text);
  };

  const mirror: Mirror = {
    get: (resource, ref) => copyOf(resource).get(keyOf(ref)) as never,
    list: <R extends Resource>(resource: R, query: ListQuery = {}) =>
      [...copyOf(resource).values()].filter(
        (object) =>
          (query.namespace === undefined || object.metadata.namespace === query.namespace) &&
          matchesLabelQuery(query.labelSelector, object.metadata.labels) &&
          (query.fieldSelector === undefined || matchesFields(query.fieldSelector, object)),
      ) as unknown as ObjectOf[R][],
    create(resource, object) {
      write(resource, object.metadata, async () => void (await kubernetes.create(resource, object)));
      return object;
    },
    modify(resource, ref, change) {
      const before = copyOf(resource).get(keyOf(ref));
      if (!before) return undefined;
      const draft = structuredClone(before);
      change(draft as never);
      const { status, ...rest } = (mergePatch({ ...before }, { ...draft }) ?? {}) as { status?: unknown };
      const { namespace, name, uid } = before.metadata;
      const toStatus = statuses.has(resource) && typeof status === 'object' && status !== null;
      const main = toStatus ? rest : { ...rest, ...(status === undefined ? {} : { status }) };
      if (toStatus)
        write(resource, ref, () =>
          // The UID is a precondition: the status of one pod must not become that of its successor.
          patch(
            pathOf(resource, namespace, name, 'status'),
            { metadata: { uid }, status: withChangedConditions(status, before.status) },
            'strategic-merge',
          ),
        );
      if (Object.keys(main).length > 0)
        write(resource, ref, () =>
          patch(
            pathOf(resource, namespace, name),
            { ...main, metadata: { ...metadataOf(main), uid } },
            'merge',
          ),
        );
      return draft as never;
    },
    remove(resource, ref, options = {}) {
      const present = copyOf(resource).get(keyOf(ref));
      if (!present) return undefined;
      write(resource, ref, async () => void (await kubernetes.remove(resource, ref, options)));
      return present as never;
    },
    subscribe(resource, listener) {
      const all = listeners.get(resource) ?? new Set();
      listeners.set(resource, all.add(listener as unknown as Listener));
      return () => void all.delete(listener as unknown as Listener);
    },
    async settled() {
      while (queues.size > 0) await Promise.all(queues.values());
    },
    stop: () => stopped.abort(),
  };

  for (const resource of mirrored) copies.set(resource, new Map());
  await Promise.all(
    mirrored.map(async (resource) => {
      const { items } = await kubernetes.list(resource);
      for (const object of items) see(resource, 'ADDED', object as Anything);
      follow(resource).catch((error) => {
        if (!stopped.signal.aborted) say(`The watch of ${resource} ended: ${messageOf(error)}`);
      });
    }),
  );
  return mirror;
}

const keyOf = ({ namespace, name }: Ref): string => `${namespace ?? ''}/${name}`;
const metadataOf = (patch: object): object => ('metadata' in patch ? (patch.metadata as object) : {});

/** Conditions are merged by their type, as kubelets have it: one that somebody else writes, a readiness gate say, is left to him. */
function withChangedConditions(status: object, before: unknown): object {
  const { conditions } = status as { conditions?: object[] };
  if (!Array.isArray(conditions)) return status;
  const present = (before as { conditions?: object[] } | undefined)?.conditions ?? [];
  const changed = conditions.filter((now) => !present.some((old) => sameJson(old, now)));
  return { ...status, conditions: changed };
}

/** Somebody else was there first: the object exists already, is gone, or is another one by now, which a patch says with 422. */
const isOvertaken = (error: unknown): boolean =>
  error instanceof KubernetesError &&
  (error.status === 404 ||
    error.status === 409 ||
    (error.status === 422 && error.message.includes('metadata.uid')));
