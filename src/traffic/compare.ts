import { type LaneRecord, totals } from './record.ts';
import { describeLeftOut, type LeftOut } from './standstill.ts';
import { failureBound, ratioInterval } from './statistics.ts';

export interface Limits {
  /** As a share: 0.0001 is one in ten thousand. */
  allowedErrorRate: number;
  /** How much slower p95 may be: 0.25 is a quarter. */
  latencyTolerance: number;
  /** Differences below this are no difference, in ms. */
  minLatencyDeltaMs: number;
  maxGapMs: number;
}

export type Verdict = 'passed' | 'failed' | 'inconclusive';

export interface Comparison {
  target: string;
  lane: string;
  verdict: Verdict;
  /** Why it is not passed. */
  reasons: string[];
  requests: number;
  failures: number;
  /** 95 % certain: no more than this share fails. */
  upperBound: number;
  longestGapMs: number;
  /** What the generator itself missed. */
  leftOut: LeftOut;
  p50: { before: number; during: number };
  p95: { before: number; during: number; ratio: number; low: number; high: number };
}

const nothing: LeftOut = { stoodStillMs: 0, measurements: 0 };
/** When more than this share of the measurements is left out, the others do not stand for the whole. */
const mostLeftOut = 0.05;

/** Compares what was measured during the rotation with the baseline, per target and lane. A lane without data is inconclusive. */
export function compare(
  before: readonly LaneRecord[],
  during: readonly LaneRecord[],
  limits: Limits,
): Comparison[] {
  return before.map((base) => {
    const now = during.find((d) => d.target === base.target && d.lane === base.lane);
    return compareLane(
      base,
      now ?? { ...base, blocks: [], classes: {}, longestGapMs: 0, leftOut: nothing },
      limits,
    );
  });
}

function compareLane(base: LaneRecord, now: LaneRecord, limits: Limits): Comparison {
  const [b, n] = [totals(base), totals(now)];
  const upperBound = failureBound(n.failures, n.requests, 'upper');
  const interval = ratioInterval(base.blocks, now.blocks, 0.95);
  const p95 = { before: b.latency.quantile(0.95), during: n.latency.quantile(0.95), ...interval };
  const failed: string[] = [];
  const unsure: string[] = [];
  if (n.requests === 0 || b.requests === 0) unsure.push('no requests were recorded');
  const leftOut = now.leftOut ?? nothing;
  if (leftOut.measurements > mostLeftOut * (n.requests + leftOut.measurements))
    unsure.push(
      `${describeLeftOut(leftOut)}, and ${n.requests} are counted: too few to tell; run it on a runner with more CPU`,
    );
  if (now.longestGapMs > limits.maxGapMs)
    failed.push(`no good answer for ${now.longestGapMs} ms (max-gap ${limits.maxGapMs} ms)`);
  if (failureBound(n.failures, n.requests, 'lower') > limits.allowedErrorRate)
    failed.push(`${n.failures} of ${n.requests} requests failed (${classes(now)})`);
  else if (n.failures > 0 && upperBound > limits.allowedErrorRate)
    unsure.push(`${n.failures} of ${n.requests} requests failed (${classes(now)}): too few requests to tell`);
  if (p95.during - p95.before > limits.minLatencyDeltaMs) {
    if (interval.low > 1 + limits.latencyTolerance)
      failed.push(`p95 went from ${p95.before.toFixed(1)} to ${p95.during.toFixed(1)} ms`);
    else if (interval.high > 1 + limits.latencyTolerance && interval.ratio > 1 + limits.latencyTolerance)
      unsure.push(`p95 may have gone from ${p95.before.toFixed(1)} to ${p95.during.toFixed(1)} ms`);
  }
  return {
    target: base.target,
    lane: base.lane,
    verdict: failed.length > 0 ? 'failed' : unsure.length > 0 ? 'inconclusive' : 'passed',
    reasons: [...failed, ...unsure],
    requests: n.requests,
    failures: n.failures,
    upperBound,
    longestGapMs: now.longestGapMs,
    leftOut,
    p50: { before: b.latency.quantile(0.5), during: n.latency.quantile(0.5) },
    p95,
  };
}

const classes = (record: LaneRecord): string =>
  Object.entries(record.classes)
    .map(([name, n]) => `${n} ${name}`)
    .join(', ');

export function worst(comparisons: readonly Comparison[]): Verdict {
  if (comparisons.length === 0) return 'inconclusive';
  return (
    (['failed', 'inconclusive'] as const).find((v) => comparisons.some((c) => c.verdict === v)) ?? 'passed'
  );
}
