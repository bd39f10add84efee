import type { Fault } from './fault.ts';

/** A load balancer before the API that cuts idle connections, and an etcd that is compacted all the time. */
export const watchLoss: Fault = {
  name: 'watch-loss',
  what: 'watches break after some seconds, and every other version to go on from has expired',
  watchMs: (random) => random.between(2000, 10_000),
  kubernetes: ({ watch }, random) =>
    watch && random.next() < 0.5
      ? { status: 410, reason: 'Expired', message: 'too old resource version' }
      : undefined,
  explained: { byWords: [], conclusion: 'success' },
};
