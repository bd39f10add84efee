import type { Store } from '../kubernetes/store.ts';
import { type ControllerOptions, Worker } from './worker.ts';

/** How long a pod of a deleted node stays, so that a re-created Node object can claim it again. */
const quarantineMs = 1000;

/** Removes pods whose node no longer exists (pkg/controller/podgc). */
export function startPodGarbage({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (node) => sweep(store, node));
  store.subscribe('nodes', ({ type, object }) => {
    if (type === 'DELETED') worker.enqueue(object.metadata.name, quarantineMs);
  });
  return () => worker.stop();
}

function sweep(store: Store, node: string): void {
  if (store.get('nodes', { name: node })) return;
  for (const pod of store.list('pods', { fieldSelector: `spec.nodeName=${node}` })) {
    store.remove('pods', pod.metadata, { gracePeriodSeconds: 0 });
  }
}
