import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { budget, deployment } from '../../src/rehearsal/scenario/objects.ts';
import { shop } from '../../src/rehearsal/scenario/shop.ts';

export const sick = 'sick';
const neverMs = 7 * 86_400_000;

/** A release that never gets ready, held by a budget that counts on it: no eviction is allowed, and only force helps. */
export const sickPods: Fault = {
  name: 'sick-pods',
  what: 'a Deployment whose pods are not ready any more has a budget that wants one of them',
  manifests: (present) => [
    ...present,
    deployment({ namespace: shop, name: sick, image: sick, replicas: 2 }),
    budget(shop, sick, { minAvailable: 1 }),
  ],
  startDelayMs: ({ metadata }) => (metadata.labels?.app === sick ? neverMs : 0),
  happens: restart,
  ends: restart,
  explained: { byWords: [/sick/], conclusion: 'failure' },
};

function restart({ store }: Parameters<NonNullable<Fault['happens']>>[0]): void {
  for (const pod of store.list('pods', { namespace: shop, labelSelector: `app=${sick}` }))
    store.remove('pods', pod.metadata);
}
