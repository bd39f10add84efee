import { describe, expect, test } from '@jest/globals';
import { compare, type Limits, worst } from '../../src/traffic/compare.ts';
import { GuardPolicy } from '../../src/traffic/guard-policy.ts';
import { Histogram } from '../../src/traffic/histogram.ts';
import { type LaneRecord, type Outcome, Recorder, totals } from '../../src/traffic/record.ts';
import { failureBound } from '../../src/traffic/statistics.ts';
import { sparkline } from '../../src/traffic/summary.ts';
import { parseTargets } from '../../src/traffic/targets.ts';

const limits: Limits = {
  allowedErrorRate: 0.001,
  latencyTolerance: 0.25,
  minLatencyDeltaMs: 5,
  maxGapMs: 2000,
};

function recorded(seconds: number, outcome: (i: number) => Partial<Outcome>): LaneRecord[] {
  const recorder = new Recorder(0);
  for (let i = 0; i < seconds * 20; i++)
    recorder.add({ target: 'web', lane: 'fresh', at: i * 50, ms: 10, ...outcome(i) });
  return recorder.records(seconds * 1000);
}
const steady = (ms: number) => recorded(60, (i) => ({ ms: ms + (i % 7) }));

describe('the exact bound of a failure rate', () => {
  // Known values of the Clopper-Pearson interval.
  test.each([
    [0, 100_000, 0.0000299569],
    [0, 3000, 0.000998072],
    [1, 100, 0.04656],
    [10, 100, 0.163718],
  ])('after %i failures of %i is %f', (failures, n, upper) => {
    expect(failureBound(failures, n, 'upper')).toBeCloseTo(upper, 5);
  });

  test('is certain of nothing without requests', () => {
    expect(failureBound(0, 0, 'upper')).toBe(1);
    expect(failureBound(0, 0, 'lower')).toBe(0);
  });
});

describe('a comparison', () => {
  test('passes when nothing changed', () => {
    expect(worst(compare(steady(10), steady(10), limits))).toBe('passed');
  });

  test('fails when the service got slower', () => {
    const [lane] = compare(steady(10), steady(30), limits);
    expect(lane?.verdict).toBe('failed');
    expect(lane?.reasons.join()).toMatch(/p95 went from 1\d\.\d to 3\d\.\d ms/);
  });

  test('takes a small difference for none', () => {
    expect(worst(compare(steady(1), steady(4), limits))).toBe('passed');
  });

  test('fails on a gap, however few requests it cost', () => {
    const during = recorded(60, (i) => (i > 400 && i < 450 ? { failure: 'refused' } : {}));
    expect(compare(steady(10), during, limits)[0]?.reasons.join()).toMatch(/no good answer for 2\d{3} ms/);
  });

  test('fails on failures beyond the allowed rate and names their kind', () => {
    const during = recorded(60, (i) => (i % 50 === 0 ? { failure: 'reset' } : {}));
    expect(compare(steady(10), during, limits)[0]?.reasons.join()).toMatch(
      /24 of 1200 requests failed \(24 reset\)/,
    );
  });

  test('is inconclusive without data, and when a lane is missing', () => {
    expect(worst(compare(steady(10), [], limits))).toBe('inconclusive');
    expect(worst([])).toBe('inconclusive');
  });
});

describe('a recording', () => {
  test('stays small however long it is, and loses no request', () => {
    const [lane] = recorded(3600, () => ({}));
    expect(lane?.blocks.length).toBeLessThan(100);
    expect(lane && totals(lane).requests).toBe(72_000);
  });

  test('counts a gap that is still open', () => {
    const recorder = new Recorder(0);
    recorder.add({ target: 'web', lane: 'fresh', at: 0, ms: 5 });
    expect(recorder.records(9005)[0]?.longestGapMs).toBe(9000);
  });

  test('has quantiles within a few percent', () => {
    const histogram = new Histogram();
    for (let i = 1; i <= 1000; i++) histogram.add(i);
    expect(histogram.quantile(0.95) / 950).toBeCloseTo(1, 1);
    expect(new Histogram(JSON.parse(JSON.stringify(histogram))).quantile(0.5)).toBe(histogram.quantile(0.5));
    expect(new Histogram().quantile(0.5)).toBeNaN();
  });
});

describe('the guard', () => {
  const policy = () => new GuardPolicy(1e-4);
  const send = (guard: GuardPolicy, from: number, n: number, failed: boolean, everyMs = 100) => {
    for (let i = 0; i < n; i++)
      guard.add({
        target: 'web',
        lane: 'fresh',
        at: from + i * everyMs,
        ms: 1,
        ...(failed ? { failure: 'refused' } : {}),
      });
    return guard.state.level;
  };

  test('is content with good answers', () => expect(send(policy(), 0, 1000, false)).toBe('ok'));

  test('pauses after five failures in a row and says which', () => {
    const guard = policy();
    expect(send(guard, 0, 5, true)).toBe('pause');
    expect(guard.state.reason).toMatch(/web \(fresh\): .* failed/);
  });

  test('goes on after ten calm seconds', () => {
    const guard = policy();
    send(guard, 0, 5, true);
    expect(send(guard, 1000, 50, false)).toBe('pause');
    expect(send(guard, 6000, 60, false)).toBe('ok');
  });

  test('stops when a pause does not end', () => {
    const guard = policy();
    expect(send(guard, 0, 1300, true)).toBe('stop');
  });

  test('forgives a single failure', () => {
    const guard = policy();
    send(guard, 0, 100, false);
    send(guard, 10_000, 1, true);
    expect(send(guard, 10_100, 100, false)).toBe('ok');
  });
});

describe('the targets', () => {
  test('are refused with every problem', () => {
    expect(() =>
      parseTargets([
        { name: 'a', url: 'ftp://x', timeout: 'soon' },
        { url: 'http://b', expect: 1 },
      ]),
    ).toThrow(
      /entry 1: url: got "ftp:\/\/x".*entry 1: timeout: got "soon".*entry 2: unknown key expect.*entry 2: name is missing/,
    );
    expect(() => parseTargets('web')).toThrow(/expected a list/);
  });

  test('draw a line that the eye can follow', () => expect(sparkline([1, 2, 8, Number.NaN])).toBe('▁▂█ '));
});
