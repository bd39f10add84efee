import {
  type Check,
  type ClusterView,
  type Finding,
  isUnreadable,
  type Phase,
  type ReadableView,
} from './check.ts';

export interface Result {
  id: string;
  title: string;
  findings: Finding[];
}

export type Verdict = 'passed' | 'failed' | 'unknown';

/** Runs the checks of a phase over one view. A check without findings has passed. */
export function validate(
  checks: readonly Check[],
  phase: Phase,
  skip: readonly string[],
  view: ClusterView,
): Result[] {
  return checks
    .filter((check) => check.phases.includes(phase) && !skip.includes(check.id))
    .map((check) => ({ id: check.id, title: check.title, findings: findingsOf(check, view) }));
}

function findingsOf(check: Check, view: ClusterView): Finding[] {
  const blind = check.needs.flatMap((part) => {
    const value = view[part];
    return isUnreadable(value)
      ? [{ status: 'unknown' as const, about: part, message: `Could not be read: ${value.unreadable}.` }]
      : [];
  });
  return blind.length > 0 ? blind : check.run(view as ReadableView);
}

/** Leaves out failures that were there before: only what is worse counts. */
export function onlyWorse(results: readonly Result[], before: readonly Result[]): Result[] {
  const known = new Set(
    before.flatMap((r) => r.findings.filter((f) => f.status === 'failed').map((f) => `${r.id} ${f.about}`)),
  );
  return results.map((r) => ({
    ...r,
    findings: r.findings.map((f) =>
      f.status === 'failed' && known.has(`${r.id} ${f.about}`)
        ? { ...f, status: 'warning' as const, message: `As before: ${f.message}` }
        : f,
    ),
  }));
}

/** Failures of the named checks become warnings. */
export function lenient(results: readonly Result[], ids: readonly string[]): Result[] {
  return results.map((r) =>
    ids.includes(r.id)
      ? {
          ...r,
          findings: r.findings.map((f) => (f.status === 'failed' ? { ...f, status: 'warning' as const } : f)),
        }
      : r,
  );
}

/** Failed beats unknown beats passed. */
export function verdictOf(results: readonly Result[]): Verdict {
  const all = results.flatMap((r) => r.findings.map((f) => f.status));
  if (all.includes('failed')) return 'failed';
  return all.includes('unknown') || results.length === 0 ? 'unknown' : 'passed';
}

export const statusOf = (result: Result): Finding['status'] =>
  (['failed', 'unknown', 'warning'] as const).find((s) => result.findings.some((f) => f.status === s)) ??
  'passed';
