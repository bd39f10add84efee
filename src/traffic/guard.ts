import type { Clock } from '../clock.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import type { Journal } from '../journal/journal.ts';
import { baselineId, loadBaseline, saveTraffic } from './baseline.ts';
import { generate } from './generator.ts';
import { GuardPolicy, type GuardState } from './guard-policy.ts';
import { Recorder, totals } from './record.ts';
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
  const recorder = new Recorder(clock.now());
  const end = new AbortController();
  const running = generate({
    targets,
    rate,
    clock,
    signal: AbortSignal.any([signal, end.signal]),
    onOutcome(outcome) {
      recorder.add(outcome);
      const before = policy.state.level;
      policy.add(outcome);
      if (policy.state.level !== before) say(`Traffic: ${policy.state.level}: ${policy.state.reason}`);
    },
  });
  return {
    guard: { verdict: () => policy.state },
    async stop() {
      end.abort();
      await running;
      await saveTraffic(kubernetes, journal.runId, recorder.records(clock.now()));
    },
  };
}
