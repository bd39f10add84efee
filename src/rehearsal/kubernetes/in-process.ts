import type { Duplex } from 'node:stream';
import {
  type EvictionAnswer,
  type Kubernetes,
  KubernetesError,
  type ListQuery,
  type WatchEvent,
} from '../../cluster/ports.ts';
import type { ObjectOf, Resource } from '../../cluster/resources.ts';
import { matchesLabelQuery } from '../../cluster/selectors.ts';
import { evictionAnswer } from '../../kubernetes/errors.ts';
import { matchesFields } from './field-selector.ts';
import type { Registry } from './registry.ts';

export interface InProcessOptions {
  portForward?: (pod: { namespace: string; name: string }, port: number) => Promise<Duplex>;
}

/** The Kubernetes port straight on the registry: engine and world in one process, on one clock. */
export function inProcessKubernetes(registry: Registry, options: InProcessOptions = {}): Kubernetes {
  const copy = <T>(value: T): T => structuredClone(value);
  return {
    get: async (resource, ref) => copy(registry.store.get(resource, ref)),
    list: async (resource, query = {}) => ({
      items: copy(registry.list(resource, query)),
      resourceVersion: String(registry.store.revision),
    }),
    create: async (resource, object) => copy(registry.create(resource, object)),
    update: async (resource, object) => copy(registry.update(resource, object)),
    patch: async (resource, ref, patch) => copy(registry.patch(resource, ref, patch)),
    async remove(resource, ref, removal = {}) {
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
        registry.evict({ ...pod, ...eviction });
        return { kind: 'accepted' };
      } catch (error) {
        if (error instanceof KubernetesError) return evictionAnswer(error);
        throw error;
      }
    },
    watch: (resource, query, signal, synced) => watch(registry, resource, query, signal, synced),
    async portForward(pod, port) {
      if (!options.portForward)
        throw new Error(`Cannot reach port ${port} of pod ${pod.namespace}/${pod.name}: it has no process.`);
      return options.portForward(pod, port);
    },
    canI: async () => true,
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
    .map((object) => ({ type: 'ADDED', object: structuredClone(object) }));
  let unsynced = waiting.length;
  let wake = () => {};
  const unsubscribe = registry.store.subscribe(resource, ({ type, object }) => {
    if (query.namespace && object.metadata.namespace !== query.namespace) return;
    if (!matchesLabelQuery(query.labelSelector, object.metadata.labels)) return;
    if (query.fieldSelector && !matchesFields(query.fieldSelector, object)) return;
    waiting.push({ type, object: structuredClone(object) });
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
