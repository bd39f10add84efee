import { describeDuration } from '../text.ts';
import type { Moved } from './context.ts';

/** What a migration shows in the job summary. */
export function migrationSummary(verdict: string, moved: readonly Moved[], failure: string): string {
  const rows = moved.map(
    (m) => `| ${m.pod} | ${m.role} | ${m.from} | ${m.to} | ${describeDuration(m.seconds * 1000)} |`,
  );
  const table =
    rows.length > 0
      ? ['| Pod | Role | From | To | Took |', '|---|---|---|---|---|', ...rows, '']
      : ['No Redis pod had to move.', ''];
  const why = failure
    ? ['```text', failure, '```', 'Redis serves as it is. Run the workflow again to go on from here.', '']
    : [];
  return [`### migrate-redis: ${verdict}`, '', ...why, ...table].join('\n');
}
