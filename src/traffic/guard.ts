import type { Clock } from '../clock.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import type { Journal } from '../journal/journal.ts';
import { baselineId, loadBaseline, saveTraffic } from './baseline.ts';
import { generate } from './generator.ts';
import { GuardPolicy, type GuardState } from './guard-policy.ts';
import { Recorder, totals } from './record.ts';
import { describeLeftOut, Pace, StandstillTeller } from './standstill.ts';
import { failureBound } from './statistics.ts';

export interface TrafficWatch {
  guard: { verdict(): GuardState };
  /** Ends the traffic and keeps what was seen under the run id. */
  stop(): Promise<void>;
}

/** Sends the baseline's traffic while a run works. An empty baseline watches nothing. */
export async function watchTraffic(
  context: {
    kubernetes: Kubernetes;
    clock: Clock;
    signal: AbortSignal;
    journal: Journal;
    say: (line: string) => void;
  },
  baseline: string,
): Promise<TrafficWatch> {
  if (!baseline)
    return {
      guard: { verdict: () => ({ level: 'ok', reason: 'no traffic is watched' }) },
      stop: async () => {},
    };
  const { kubernetes, clock, signal, journal, say } = context;
  const { targets, rate, records } = await loadBaseline(kubernetes, baselineId(baseline));
  const sums = records.map(totals);
  const failures = sums.reduce((n, s) => n + s.failures, 0);
  const requests = sums.reduce((n, s) => n + s.requests, 0);
  // A service that fails now and then at rest must not stop the rotation for it.
  const policy = new GuardPolicy(failures > 0 ? failureBound(failures, requests, 'upper') : 1e-4);
  const pace = new Pace();
  const recorder = new Recorder(clock.now(), pace);
  const teller = new StandstillTeller();
  const end = new AbortController();
  const running = generate({
    targets,
    rate,
    clock,
    signal: AbortSignal.any([signal, end.signal]),
    pace,
    onOutcome(outcome) {
      recorder.add(outcome);
      const before = policy.state.level;
      policy.add(outcome);
      if (policy.state.level !== before) say(`Traffic: ${policy.state.level}: ${policy.state.reason}`);
    },
    onStandstill(missed) {
      recorder.stoodStill(missed);
      policy.stoodStill(missed);
      const line = teller.line(recorder.leftOut);
      if (line) say(`Traffic: ${line}`);
    },
  });
  return {
    guard: { verdict: () => withLeftOut(policy.stateAt(clock.now()), describeLeftOut(recorder.leftOut)) },
    async stop() {
      end.abort();
      await saveTraffic(kubernetes, journal.runId, recorder.records(await running));
    },
  };
}

/** What the generator itself missed is said with every verdict. */
const withLeftOut = ({ level, reason }: GuardState, leftOut: string | undefined): GuardState => ({
  level,
  reason: leftOut ? `${reason} (${leftOut})` : reason,
});
