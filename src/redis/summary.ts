import { describeDuration } from '../text.ts';
import type { Failover, Moved } from './context.ts';

/** What a migration shows in the job summary. */
export function migrationSummary(
  verdict: string,
  moved: readonly Moved[],
  failovers: readonly Failover[],
  failure: string,
): string {
  const pods = moved.map(
    (m) => `| ${m.pod} | ${m.role} | ${m.from} | ${m.to} | ${describeDuration(m.seconds * 1000)} |`,
  );
  const table =
    pods.length > 0
      ? ['| Pod | Role | From | To | Took |', '|---|---|---|---|---|', ...pods, '']
      : ['No Redis pod had to move.', ''];
  const changes = failovers.map((f) => `| ${f.redis} | ${f.from} | ${f.to} | ${f.pauseMs} ms |`);
  const masters =
    changes.length > 0
      ? ['| Redis | Master before | Master after | Writes waited |', '|---|---|---|---|', ...changes, '']
      : [];
  const why = failure
    ? ['```text', failure, '```', 'Redis serves as it is. Run the workflow again to go on from here.', '']
    : [];
  return [`### migrate-redis: ${verdict}`, '', ...why, ...table, ...masters].join('\n');
}
