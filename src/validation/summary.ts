import { type Result, statusOf, type Verdict } from './validate.ts';

const marks: Record<string, string> = { passed: '✅', failed: '❌', warning: '⚠️', unknown: '❔' };
const shown = 10;

/** A row per check, and every finding below it. */
export function validationSummary(phase: string, verdict: Verdict, results: readonly Result[]): string {
  const rows = results.map(
    (r) => `| ${marks[statusOf(r)] ?? ''} ${statusOf(r)} | ${r.title} | \`${r.id}\` | ${r.findings.length} |`,
  );
  const details = results
    .filter((r) => r.findings.length > 0)
    .flatMap((r) => [`**${r.title}**`, '', ...findingLines(r).map((l) => `- ${l}`), '']);
  return [
    `### validate-cluster ${phase}: ${verdict}`,
    '',
    '| Result | Check | Id | Findings |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...details,
  ].join('\n');
}

/** The findings of a check for people, cut when there are many. */
export function findingLines(result: Result): string[] {
  const lines = result.findings.map((f) => `${f.about}: ${f.message}`);
  return lines.length <= shown ? lines : [...lines.slice(0, shown), `and ${lines.length - shown} more`];
}
