import { budget, type Manifest, statefulSet } from '../../src/rehearsal/scenario/objects.ts';

/** Three pods with volumes on the data nodes. */
export const ledger: Manifest[] = [
  statefulSet({
    namespace: 'shop',
    name: 'ledger',
    image: 'ledger',
    replicas: 3,
    volume: '/data',
    parallel: true,
    apart: 'preferred',
    nodeSelector: { role: 'data' },
    tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'data', effect: 'NoSchedule' }],
  }),
  budget('shop', 'ledger', { maxUnavailable: 1 }),
];
