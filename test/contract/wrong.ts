import type { Target } from './target.ts';

/** Embedded clusters that answer deliberately wrong in one point; the suite must notice each. */
export const wrong: Record<string, (right: Target) => Target> = {
  /** Evictions leave budgets aside. */
  eviction: (right) => ({
    ...right,
    async request(method, path, options) {
      if (method !== 'POST' || !path.endsWith('/eviction')) return right.request(method, path, options);
      await right.request('DELETE', path.replace(/\/eviction$/, ''));
      return { status: 201, headers: {}, body: { kind: 'Status', status: 'Success' } };
    },
  }),
  /** Whoever writes last wins. */
  concurrency: (right) => ({
    ...right,
    request(method, path, options = {}) {
      const body = structuredClone(options.body) as { metadata?: { resourceVersion?: string } } | undefined;
      if (method === 'PUT') delete body?.metadata?.resourceVersion;
      return right.request(method, path, { ...options, ...(body === undefined ? {} : { body }) });
    },
  }),
  /** Terminating endpoints are called ready. */
  endpoints: (right) => ({
    ...right,
    async request(method, path, options) {
      const answer = await right.request(method, path, options);
      for (const slice of answer.body?.items ?? [])
        for (const { conditions } of slice.endpoints ?? [])
          if (conditions?.terminating) conditions.ready = true;
      return answer;
    },
  }),
};
