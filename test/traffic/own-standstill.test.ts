import { describe, expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock.ts';
import type { Kubernetes } from '../../src/cluster/ports.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';
import { loadTraffic, saveTraffic } from '../../src/traffic/baseline.ts';
import { type Comparison, compare, type Limits, worst } from '../../src/traffic/compare.ts';
import { generate } from '../../src/traffic/generator.ts';
import { GuardPolicy } from '../../src/traffic/guard-policy.ts';
import { type LaneRecord, lanes, type Outcome, Recorder, totals } from '../../src/traffic/record.ts';
import type { Requests } from '../../src/traffic/requests.ts';
import { describeLeftOut, Pace, StandstillTeller, saysNothing } from '../../src/traffic/standstill.ts';
import { comparisonSummary, recordSummary } from '../../src/traffic/summary.ts';
import type { TrafficTarget } from '../../src/traffic/targets.ts';

const limits: Limits = {
  allowedErrorRate: 0.001,
  latencyTolerance: 0.25,
  minLatencyDeltaMs: 5,
  maxGapMs: 2000,
};
const web: TrafficTarget = {
  name: 'web',
  url: 'http://web',
  method: 'GET',
  headers: {},
  body: '',
  expect: { from: 200, to: 399 },
  timeoutMs: 5000,
};

/** From and to, in seconds since the traffic began. */
type Span = readonly [number, number];

interface Story {
  /** When the generator's process got no CPU. */
  stalls?: readonly Span[];
  /** When the service answered nothing: what was asked then is answered after it. */
  hangs?: readonly Span[];
  /** How a request fails that is sent then. */
  failing?: { during: Span; as: string };
  seconds?: number;
  timeoutMs?: number;
  /** How fast the service answers; the baseline has 10 ms. */
  latencyMs?: number;
}

interface Told {
  records: LaneRecord[];
  comparisons: Comparison[];
  outcomes: Outcome[];
  levels: string[];
  /** The guard at the end. */
  reason: string;
  /** How many requests the service got in each tenth of a second. */
  arrivals: Map<number, number>;
}

/** Time stands still for the generator: what falls due in a stall runs when it is over. */
class StallingClock implements Clock {
  readonly world = new VirtualClock(0);
  readonly #stalls: readonly Span[];
  constructor(stalls: readonly Span[]) {
    this.#stalls = stalls;
  }
  now = (): number => this.world.now();
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const due = this.now() + ms;
    const stall = this.#stalls.find(([from, to]) => due >= from * 1000 && due < to * 1000);
    return this.world.sleep(stall ? stall[1] * 1000 - this.now() : ms, signal);
  }
}

const usualMs = 10;

/** Sends 50 requests a second through the real generator, recorder, guard and comparison. */
async function traffic({
  stalls = [],
  hangs = [],
  failing,
  seconds = 120,
  timeoutMs = 5000,
  latencyMs = usualMs,
}: Story): Promise<Told> {
  const clock = new StallingClock(stalls);
  const arrivals = new Map<number, number>();
  const service: Requests = {
    async send(_, __, timeout) {
      const at = clock.now() / 1000;
      const tenth = Math.floor(at * 10);
      arrivals.set(tenth, (arrivals.get(tenth) ?? 0) + 1);
      const hang = hangs.find(([from, to]) => at >= from && at < to);
      const failure = failing && at >= failing.during[0] && at < failing.during[1] ? failing.as : undefined;
      try {
        await clock.sleep(latencyMs + (hang ? (hang[1] - at) * 1000 : 0), timeout);
        return failure;
      } catch {
        return 'timeout';
      }
    },
    close: () => {},
  };
  const pace = new Pace();
  const recorder = new Recorder(0, pace);
  const policy = new GuardPolicy(1e-4);
  const end = new AbortController();
  const outcomes: Outcome[] = [];
  const levels: string[] = [];
  const running = generate({
    targets: [{ ...web, timeoutMs }],
    rate: 50,
    clock,
    signal: end.signal,
    pace,
    requests: service,
    onOutcome(outcome) {
      outcomes.push(outcome);
      recorder.add(outcome);
      policy.add(outcome);
      if (levels.at(-1) !== policy.state.level) levels.push(policy.state.level);
    },
    onStandstill(missed) {
      recorder.stoodStill(missed);
      policy.stoodStill(missed);
    },
  });
  await clock.world.advance(seconds * 1000);
  end.abort();
  const records = recorder.records(await clock.world.run(running));
  const { reason } = policy.stateAt(clock.now());
  return { records, outcomes, levels, reason, arrivals, comparisons: compare(steady, records, limits) };
}

/** A minute of the same service, with nothing wrong. */
const steady = ((): LaneRecord[] => {
  const recorder = new Recorder(0);
  for (let i = 0; i < 3000; i++)
    recorder.add({ target: 'web', lane: lanes[i % 2] ?? 'fresh', at: i * 20, ms: usualMs });
  return recorder.records(60_000);
})();

const reasons = (told: Told): string => told.comparisons.flatMap((c) => c.reasons).join('\n');

describe('a generator that stood still itself for 3 s, with max-gap 2 s', () => {
  test('finds no gap, no failure and no slow answer', async () => {
    const told = await traffic({ stalls: [[30, 33]] });
    expect(reasons(told)).toBe('');
    expect(worst(told.comparisons)).toBe('passed');
    expect(told.levels).toEqual(['ok']);
    for (const record of told.records) {
      expect(record.longestGapMs).toBeLessThan(200);
      expect(totals(record).failures).toBe(0);
      expect(totals(record).latency.quantile(1)).toBeLessThan(15);
    }
  });

  test('says so apart, and how many measurements are left out', async () => {
    const told = await traffic({ stalls: [[30, 33]] });
    const said =
      /the load generator itself stood still for 3\.0 s: the runner has too little CPU; 15\d measurements are left out/;
    expect(comparisonSummary('passed', told.comparisons, told.records)).toMatch(said);
    expect(recordSummary(told.records)).toMatch(said);
    expect(told.comparisons.map((c) => c.leftOut.stoodStillMs)).toEqual([3000, 3000]);
    const measured = told.records.reduce(
      (n, r) => n + totals(r).requests + (r.leftOut?.measurements ?? 0),
      0,
    );
    expect(Math.abs(measured - 120 * 50)).toBeLessThanOrEqual(2);
  });

  test('does not send what it missed in a burst afterwards', async () => {
    const told = await traffic({ stalls: [[30, 33]] });
    expect(Math.max(...told.arrivals.values())).toBeLessThanOrEqual(6);
  });

  test('has no timeouts of its own, though it lasted longer than the timeout', async () => {
    const told = await traffic({ stalls: [[29.985, 33]], timeoutMs: 1000 });
    expect(told.outcomes.filter((o) => o.failure)).toEqual([]);
  });

  test('does not count that the server hung up on a client that kept silent', async () => {
    const told = await traffic({ stalls: [[29.985, 33]], failing: { during: [29.975, 30], as: 'reset' } });
    const reset = told.outcomes.filter((o) => o.failure === 'reset');
    expect(reset.length).toBeGreaterThan(0);
    expect(reset.filter((o) => !o.leftOut)).toEqual([]);
    expect(worst(told.comparisons)).toBe('passed');
  });
});

describe('a generator that is late by 40 ms again and again', () => {
  const stalls = Array.from({ length: 1600 }, (_, i) => [0.07 * i + 1.005, 0.07 * i + 1.05] as const);

  test('does not take its own lateness for the latency of the service', async () => {
    const told = await traffic({ stalls });
    expect(told.comparisons.map((c) => [c.verdict, c.longestGapMs < 200])).toEqual([
      ['passed', true],
      ['passed', true],
    ]);
    expect(Math.max(...told.comparisons.map((c) => c.p95.during))).toBeLessThan(15);
    expect(told.outcomes.filter((o) => o.ms > 20).length).toBeGreaterThan(500);
  });

  test('still sees that the service got slower', async () => {
    const told = await traffic({ stalls, latencyMs: 60 });
    expect(worst(told.comparisons)).toBe('failed');
    expect(reasons(told)).toMatch(/p95 went from \d+\.\d to [56]\d\.\d ms/);
  });
});

describe('a service that gives no answer', () => {
  test('for 3 s fails while the generator runs on time', async () => {
    const told = await traffic({ hangs: [[30, 33]] });
    expect(worst(told.comparisons)).toBe('failed');
    expect(reasons(told)).toMatch(/no good answer for 30\d\d ms \(max-gap 2000 ms\)/);
    expect(told.records.map((r) => r.leftOut)).toEqual([undefined, undefined]);
  });

  test('for 4 s fails though the generator stood still for 1 s of it', async () => {
    const told = await traffic({ hangs: [[30, 34]], stalls: [[31, 32]] });
    expect(worst(told.comparisons)).toBe('failed');
    expect(reasons(told)).toMatch(/no good answer for 30\d\d ms \(max-gap 2000 ms\)/);
    expect(comparisonSummary('failed', told.comparisons, told.records)).toMatch(/stood still for 1\.0 s/);
  });

  test('long before and after a standstill fails for the rest', async () => {
    const told = await traffic({ hangs: [[30, 35.5]], stalls: [[31, 34]] });
    expect(reasons(told)).toMatch(/no good answer for 25\d\d ms/);
  });

  test('times out, however often the generator was late meanwhile', async () => {
    const stalls = Array.from({ length: 20 }, (_, i) => [30 + i, 30.2 + i] as const);
    const told = await traffic({ hangs: [[30, 50]], stalls });
    const timeouts = told.outcomes.filter((o) => o.failure === 'timeout');
    expect(timeouts.length).toBeGreaterThan(300);
    expect(timeouts.filter((o) => o.leftOut)).toEqual([]);
    expect(told.levels).toContain('pause');
    expect(worst(told.comparisons)).toBe('failed');
  });

  test('and refuses connections after a standstill is found at once', async () => {
    const told = await traffic({ stalls: [[30, 33]], failing: { during: [33, 36], as: 'refused' } });
    expect(told.levels).toContain('pause');
    expect(worst(told.comparisons)).toBe('failed');
  });
});

describe('a generator that stood still most of the time', () => {
  const stalls = Array.from({ length: 58 }, (_, i) => [2 * i + 1, 2 * i + 1.5] as const);

  test('is not sure, and never passes', async () => {
    const told = await traffic({ stalls });
    expect(worst(told.comparisons)).toBe('inconclusive');
    expect(reasons(told)).toMatch(
      /the load generator itself stood still for 2\d\.\d s: the runner has too little CPU; \d+ measurements are left out, and \d+ are counted: too few to tell/,
    );
  });

  test('still fails a service that fails while it looks', async () => {
    const told = await traffic({ stalls, failing: { during: [60, 70], as: 'status 503' } });
    expect(worst(told.comparisons)).toBe('failed');
  });

  test('all of it has nothing to judge', async () => {
    const told = await traffic({ stalls: [[0, 119.99]] });
    expect(worst(told.comparisons)).toBe('inconclusive');
  });
});

describe('the guard, when the generator stood still', () => {
  const answer = (at: number, failure?: string): Outcome => ({
    target: 'web',
    lane: 'fresh',
    at,
    ms: 1,
    ...(failure ? { failure } : {}),
  });
  const paused = (): GuardPolicy => {
    const policy = new GuardPolicy(1e-4);
    for (let i = 0; i < 5; i++) policy.add(answer(i * 100, 'refused'));
    return policy;
  };

  test('counts no calm seconds for it', () => {
    const policy = paused();
    policy.stoodStill({ from: 500, to: 20_500 });
    policy.add(answer(20_600));
    expect(policy.state.level).toBe('pause');
    policy.add(answer(31_000));
    expect(policy.state.level).toBe('ok');
  });

  test('does not hold it against a pause', () => {
    const policy = paused();
    policy.stoodStill({ from: 500, to: 130_500 });
    policy.add(answer(130_600, 'refused'));
    expect(policy.state.level).toBe('pause');
  });

  test('decides nothing from what could not be measured', () => {
    const policy = new GuardPolicy(1e-4);
    for (let i = 0; i < 50; i++) policy.add({ ...answer(i * 100, 'reset'), leftOut: true });
    expect(policy.state.level).toBe('ok');
  });

  test('lets the rotation wait while it sees nothing at all, and only then', () => {
    const policy = new GuardPolicy(1e-4);
    policy.add(answer(0));
    expect(policy.stateAt(60_000).level).toBe('ok');
    policy.stoodStill({ from: 10, to: 3000 });
    expect(policy.stateAt(3000).level).toBe('ok');
    policy.stoodStill({ from: 3010, to: 12_000 });
    expect(policy.stateAt(12_000)).toEqual({ level: 'pause', reason: 'nothing could be measured for 12s' });
    policy.add(answer(12_100));
    expect(policy.stateAt(12_200).level).toBe('ok');
  });
});

describe('what the generator itself missed', () => {
  test('is known before the late beat comes', () => {
    const pace = new Pace();
    pace.beat(0, 10);
    expect(pace.stillIn(0, 50)).toBe(0);
    expect(pace.stillIn(0, 3000)).toBe(2990);
    expect(pace.beat(3000, 10)).toEqual({ from: 10, to: 3000 });
    expect(pace.stillIn(1000, 3005)).toBe(2000);
    expect(pace.stillIn(3000, 3005)).toBe(0);
  });

  test('is no excuse for what a service did by itself', () => {
    const request = { target: 'web', lane: 'fresh', at: 0, ms: 1000 } as const;
    expect(saysNothing(request, 500)).toBe(true);
    expect(saysNothing(request, 90)).toBe(false);
    for (const failure of ['refused', 'status 503', 'timeout', 'dns', 'tls'])
      expect([failure, saysNothing({ ...request, failure }, 500)]).toEqual([failure, false]);
    for (const failure of ['reset', 'closed', 'status 408']) {
      expect([failure, saysNothing({ ...request, failure }, 500)]).toEqual([failure, true]);
      expect([failure, saysNothing({ ...request, failure }, 0)]).toEqual([failure, false]);
    }
  });

  test('is said at a second, and again when it has doubled', () => {
    const teller = new StandstillTeller();
    const said = [400, 1200, 2000, 2400, 4000, 5000].map(
      (stoodStillMs) => teller.line({ stoodStillMs, measurements: 1 }) !== undefined,
    );
    expect(said).toEqual([false, true, false, true, false, true]);
    expect(describeLeftOut({ stoodStillMs: 0, measurements: 0 })).toBeUndefined();
  });
});

describe('the traffic of a run that was resumed', () => {
  test('keeps what was left out in every part', async () => {
    const maps = new Map<string, string>();
    const kubernetes = {
      get: async (_: string, { name }: { name: string }) => ({ data: { record: maps.get(name) } }),
      create: async (
        _: string,
        { metadata, data }: { metadata: { name: string }; data: { record: string } },
      ) => maps.set(metadata.name, data.record),
    } as unknown as Kubernetes;
    const part = (await traffic({ stalls: [[30, 33]] })).records;
    await saveTraffic(kubernetes, 'run', steady);
    await saveTraffic(kubernetes, 'run', part);
    await saveTraffic(kubernetes, 'run', part);
    const kept = await loadTraffic(kubernetes, 'run');
    const measurements = part[0]?.leftOut?.measurements ?? 0;
    expect(kept?.[0]?.leftOut).toEqual({ stoodStillMs: 6000, measurements: 2 * measurements });
  });
});
