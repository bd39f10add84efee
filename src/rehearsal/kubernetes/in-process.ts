import type { Duplex } from 'node:stream';
import {
  type EvictionAnswer,
  type Kubernetes,
  KubernetesError,
  type ListQuery,
  type Ref,
  type WatchEvent,
} from '../../cluster/ports.ts';
import type { ObjectOf, Resource } from '../../cluster/resources.ts';
import { matchesLabelQuery } from '../../cluster/selectors.ts';
import { evictionAnswer } from '../../kubernetes/errors.ts';
import type { Target, Verb } from '../../kubernetes/rights.ts';
import { type Authorize, mayAccess } from './authorization.ts';
import { matchesFields } from './field-selector.ts';
import { copyJson } from './json.ts';
import type { Registry } from './registry.ts';

export interface InProcessOptions {
  portForward?: (pod: { namespace: string; name: string }, port: number) => Promise<Duplex>;
  /** Refuses what the caller has no right to; without it everything is allowed. */
  authorize?: Authorize;
}

/** The Kubernetes port straight on the registry: engine and world in one process, on one clock. */
export function inProcessKubernetes(registry: Registry, options: InProcessOptions = {}): Kubernetes {
  const may = (verb: Verb, target: Target, { namespace, name }: Partial<Ref>): void =>
    options.authorize?.({ verb, target, namespace, name });
  return {
    async get(resource, ref) {
      may('get', resource, ref);
      return copyJson(registry.store.get(resource, ref));
    },
    async list(resource, query = {}) {
      may('list', resource, { namespace: query.namespace });
      return {
        items: copyJson(registry.list(resource, query)),
        resourceVersion: String(registry.store.revision),
      };
    },
    async create(resource, object) {
      may('create', resource, { namespace: object.metadata.namespace });
      return copyJson(registry.create(resource, object));
    },
    async update(resource, object) {
      may('update', resource, object.metadata);
      return copyJson(registry.update(resource, object));
    },
    async patch(resource, ref, patch) {
      may('patch', resource, ref);
      return copyJson(registry.patch(resource, ref, patch));
    },
    async remove(resource, ref, removal = {}) {
      may('delete', resource, ref);
      try {
        registry.remove(resource, ref, removal);
        return true;
      } catch (error) {
        if (
          error instanceof KubernetesError &&
          (error.status === 404 || (error.status === 409 && removal.uid))
        )
          return false;
        throw error;
      }
    },
    async evict(pod, eviction = {}): Promise<EvictionAnswer> {
      try {
        may('create', 'pods/eviction', pod);
        registry.evict({ ...pod, ...eviction });
        return { kind: 'accepted' };
      } catch (error) {
        if (error instanceof KubernetesError) return evictionAnswer(error);
        throw error;
      }
    },
    watch(resource, query, signal, synced) {
      for (const verb of ['list', 'watch'] as const) may(verb, resource, { namespace: query.namespace });
      return watch(registry, resource, query, signal, synced);
    },
    async portForward(pod, port) {
      for (const verb of ['get', 'create'] as const) may(verb, 'pods/portforward', pod);
      if (!options.portForward)
        throw new Error(`Cannot reach port ${port} of pod ${pod.namespace}/${pod.name}: it has no process.`);
      return options.portForward(pod, port);
    },
    canI: async (access) => !options.authorize || mayAccess(options.authorize, access),
    version: async () => ({ major: '1', minor: '36', gitVersion: 'v1.36.0-eks-rehearsal' }),
  };
}

async function* watch<R extends Resource>(
  registry: Registry,
  resource: R,
  query: ListQuery,
  signal: AbortSignal,
  synced: () => void = () => {},
): AsyncGenerator<WatchEvent<ObjectOf[R]>> {
  const waiting: WatchEvent<ObjectOf[R]>[] = registry
    .list(resource, query)
    .map((object) => ({ type: 'ADDED', object: copyJson(object) }));
  let unsynced = waiting.length;
  let wake = () => {};
  const unsubscribe = registry.store.subscribe(resource, ({ type, object }) => {
    if (query.namespace && object.metadata.namespace !== query.namespace) return;
    if (!matchesLabelQuery(query.labelSelector, object.metadata.labels)) return;
    if (query.fieldSelector && !matchesFields(query.fieldSelector, object)) return;
    waiting.push({ type, object: copyJson(object) });
    wake();
  });
  const stop = () => wake();
  signal.addEventListener('abort', stop);
  try {
    while (!signal.aborted) {
      if (unsynced-- === 0) synced();
      const next = waiting.shift();
      if (next) yield next;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', stop);
  }
}
