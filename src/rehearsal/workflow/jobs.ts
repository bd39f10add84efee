import type { Status } from './expressions.ts';
import type { Conclusion, Job } from './model.ts';

export const needsOf = (job: Job | undefined): string[] => [job?.needs ?? []].flat();

/**
 * What the `if` of a job sees. success() wants every ancestor to have succeeded, not only those that it needs directly, so that a
 * skipped one far above skips it too; failure() wants one that failed: https://github.com/actions/runner/issues/491.
 */
export function statusOfNeeds(
  id: string,
  jobs: Record<string, Job>,
  conclusionOf: (id: string) => Conclusion | undefined,
  cancelled: boolean,
): Status {
  const conclusions = [...ancestors(id, jobs)].map(conclusionOf);
  return {
    success: !cancelled && conclusions.every((conclusion) => conclusion === 'success'),
    failure: !cancelled && conclusions.includes('failure'),
    cancelled,
  };
}

function ancestors(id: string, jobs: Record<string, Job>, found = new Set<string>()): Set<string> {
  for (const need of needsOf(jobs[id])) {
    if (found.has(need)) continue;
    found.add(need);
    ancestors(need, jobs, found);
  }
  return found;
}
