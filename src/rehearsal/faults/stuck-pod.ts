import { budget, deployment } from '../scenario/objects.ts';
import { shop } from '../scenario/shop.ts';
import type { Fault } from './fault.ts';

const finalizer = 'example.com/archived';

/** Whoever should take the finalizer off is gone: pods stay terminating for ever, also without their node. */
export const stuckPod: Fault = {
  name: 'stuck-pod',
  what: 'pods with a finalizer that nobody takes off stay terminating for ever',
  manifests(present) {
    const archive = deployment({ namespace: shop, name: 'archive', image: 'archive', replicas: 2 });
    if (archive.resource === 'deployments')
      archive.object.spec.template.metadata = {
        ...archive.object.spec.template.metadata,
        finalizers: [finalizer],
      };
    return [...present, archive, budget(shop, 'archive', { maxUnavailable: 1 })];
  },
  ends({ store }) {
    for (const pod of store.list('pods', { namespace: shop }))
      store.modify('pods', pod.metadata, (draft) => {
        draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter((f) => f !== finalizer);
      });
  },
  explained: { byWords: [/overdue/], conclusion: 'success' },
};
