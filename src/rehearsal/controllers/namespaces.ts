import { type Resource, resources } from '../../cluster/resources.ts';
import type { Store } from '../kubernetes/store.ts';
import { type ControllerOptions, Worker } from './worker.ts';

const lookAgainMs = 500;
const contents = (Object.keys(resources) as Resource[]).filter((r) => resources[r].namespaced);

/** Empties a namespace that is being deleted, and lets it go when nothing is left in it. */
export function startNamespaces({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (name) => {
    if (!store.get('namespaces', { name })?.metadata.deletionTimestamp) return;
    if (empty(store, name)) finalize(store, name);
    else worker.enqueue(name, lookAgainMs);
  });
  store.subscribe('namespaces', ({ object }) => worker.enqueue(object.metadata.name));
  return () => worker.stop();
}

/** Deletes what is left. True when nothing was. */
function empty(store: Store, namespace: string): boolean {
  const left = contents.flatMap((resource) =>
    store.list(resource, { namespace }).map(({ metadata }) => ({ resource, metadata })),
  );
  for (const { resource, metadata } of left) store.remove(resource, metadata);
  return left.length === 0;
}

function finalize(store: Store, name: string): void {
  store.modify('namespaces', { name }, (draft) => {
    Object.assign(draft, { spec: { finalizers: [] } });
  });
}
