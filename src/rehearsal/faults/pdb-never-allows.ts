import { budget, statefulSet } from '../scenario/objects.ts';
import { shop } from '../scenario/shop.ts';
import type { Fault } from './fault.ts';

/** A StatefulSet of one whose budget wants that one: no eviction will ever be allowed, and no surge can help. */
export const pdbNeverAllows: Fault = {
  name: 'pdb-never-allows',
  what: 'a StatefulSet with one replica and minAvailable 1 refuses every eviction',
  manifests: (present) => [
    ...present,
    statefulSet({ namespace: shop, name: 'ledger', image: 'ledger', replicas: 1 }),
    budget(shop, 'ledger', { minAvailable: 1 }),
  ],
  ends({ store }) {
    store.remove('poddisruptionbudgets', { namespace: shop, name: 'ledger' });
  },
  inputs: { blockers: 'warn', 'drain-timeout': '20s' },
  explained: { byWords: [/ledger-0/, /PodDisruptionBudget|PDB/, /drain-timeout/], conclusion: 'failure' },
};
