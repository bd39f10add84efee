import type { Comparison, Verdict } from './compare.ts';
import { Histogram } from './histogram.ts';
import { type LaneRecord, totals } from './record.ts';
import { describeLeftOut, sumLeftOut } from './standstill.ts';

const bars = [...'▁▂▃▄▅▆▇█'];

/** One character per block: how high, relative to the highest. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values.filter(Number.isFinite), 1e-9);
  return values
    .map((v) =>
      Number.isFinite(v)
        ? (bars[Math.min(bars.length - 1, Math.floor((v / most) * (bars.length - 1)))] ?? ' ')
        : ' ',
    )
    .join('');
}

const ms = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(1)} ms` : '–');

export function recordSummary(records: readonly LaneRecord[]): string {
  const rows = records.map((r) => {
    const { requests, failures, latency } = totals(r);
    return `| ${r.target} | ${r.lane} | ${requests} | ${failures} | ${ms(latency.quantile(0.5))} | ${ms(latency.quantile(0.95))} | ${ms(latency.quantile(0.99))} |`;
  });
  return [
    '### load-baseline: recorded',
    '',
    '| Target | Connections | Requests | Failed | p50 | p95 | p99 |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
    ...leftOutLines(records),
  ].join('\n');
}

/** Said apart: it is the runner's, not the services'. */
function leftOutLines(records: readonly LaneRecord[]): string[] {
  const text = describeLeftOut(sumLeftOut(records));
  return text ? [`Not held against the services: ${text}.`, ''] : [];
}

/** One sentence, one table, and how latency and failures went over time. */
export function comparisonSummary(
  verdict: Verdict,
  comparisons: readonly Comparison[],
  records: readonly LaneRecord[],
): string {
  const requests = comparisons.reduce((n, c) => n + c.requests, 0);
  const failures = comparisons.reduce((n, c) => n + c.failures, 0);
  const gap = Math.max(0, ...comparisons.map((c) => c.longestGapMs));
  const bound = Math.max(0, ...comparisons.map((c) => c.upperBound));
  const rows = comparisons.map(
    (c) =>
      `| ${c.target} | ${c.lane} | ${c.requests} | ${c.failures} | ${c.longestGapMs} ms | ${ms(c.p50.before)} → ${ms(c.p50.during)} | ${ms(c.p95.before)} → ${ms(c.p95.during)} (×${c.p95.ratio.toFixed(2)}, ${c.p95.low.toFixed(2)}–${c.p95.high.toFixed(2)}) | ${c.verdict} |`,
  );
  const lines = records.flatMap((r) => [
    `${`${r.target} ${r.lane}`.padEnd(24)} p95 ${sparkline(r.blocks.map((b) => new Histogram(b.latency).quantile(0.95)))}`,
    `${''.padEnd(24)} err ${r.blocks.map((b) => (b.failures > 0 ? '✖' : '·')).join('')}`,
  ]);
  return [
    `### load-baseline: ${verdict}`,
    '',
    `${failures} of ${requests} requests failed; 95 % certain: fewer than ${(bound * 100).toFixed(3)} % in every lane; longest gap ${gap} ms.`,
    '',
    ...leftOutLines(records),
    '| Target | Connections | Requests | Failed | Longest gap | p50 | p95 (ratio, 95 % interval) | Verdict |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    '```text',
    ...lines,
    '```',
    '',
  ].join('\n');
}
