import { baselineId, loadTraffic, loadBaseline as readBaseline, saveBaseline } from '../traffic/baseline.ts';
import { compare, type Limits, worst } from '../traffic/compare.ts';
import { generate } from '../traffic/generator.ts';
import { type LaneRecord, Recorder, totals } from '../traffic/record.ts';
import { describeLeftOut, Pace, StandstillTeller, sumLeftOut } from '../traffic/standstill.ts';
import { comparisonSummary, recordSummary } from '../traffic/summary.ts';
import { parseTargets, type TrafficTarget } from '../traffic/targets.ts';
import { connectionInputs, readCluster } from './common.ts';
import type { Operation, Session } from './contract.ts';
import { InputReader } from './inputs.ts';

export const loadBaseline: Operation = {
  contract: {
    operation: 'load-baseline',
    title: 'EKS Rolling: load baseline',
    description: 'Records how services perform, and compares with what they did during the rotation.',
    inputs: {
      ...connectionInputs,
      mode: { description: 'record (before the rotation) or compare (after it).', default: 'record' },
      targets: {
        description:
          'Services to watch, as YAML: a list of {name, url, method, headers, body, expect-status, timeout}. Required for record.',
      },
      rate: {
        description: 'Requests per second and target, half on fresh and half on kept-alive connections.',
        default: '50',
      },
      duration: {
        description: 'How long to record, or to measure when compare has no traffic of a run.',
        default: '60s',
      },
      baseline: { description: 'Output `baseline` of mode: record. Required for compare.' },
      'run-id': {
        description:
          'The run whose traffic compare judges; without it, or without traffic of it, compare measures now.',
      },
      'allowed-error-rate': {
        description: 'Share of requests that may fail, as a percentage.',
        default: '0.01%',
      },
      'latency-tolerance': {
        description: 'How much slower the 95th percentile may be, as a percentage.',
        default: '25%',
      },
      'min-latency-delta': { description: 'Latency differences below this do not count.', default: '5ms' },
      'max-gap': {
        description:
          'Longest time without a good answer. Time in which the load generator itself stood still is not counted.',
        default: '2s',
      },
    },
    outputs: {
      baseline: 'Names the recorded baseline, which is kept in the cluster (mode: record).',
      verdict: 'recorded, passed, failed or inconclusive.',
      requests: 'Requests sent and measured.',
      failures: 'Requests that failed.',
      'max-gap-ms':
        'Longest time without a good answer, in milliseconds, without what the load generator itself stood still.',
      'p95-ratio': 'Largest ratio of the 95th percentile to the baseline (mode: compare).',
    },
  },
  async run(session) {
    const inputs = readInputs(session.inputs);
    if (inputs.mode === 'record') await record(session, inputs);
    else await compareWithBaseline(session, inputs);
  },
};

interface Inputs {
  mode: 'record' | 'compare';
  targets: TrafficTarget[];
  rate: number;
  durationMs: number;
  baseline: string;
  runId: string;
  limits: Limits;
}

function readInputs(raw: Readonly<Record<string, string>>): Inputs {
  const read = new InputReader(raw);
  readCluster(read);
  const mode = read.choice('mode', ['record', 'compare']);
  const percent = (name: string): number => {
    const share = /^(\d+(?:\.\d+)?)%$/.exec(read.text(name))?.[1];
    if (share === undefined) read.problem(name, read.text(name), 'a percentage such as 0.01% or 25%');
    return Number(share ?? 0) / 100;
  };
  if (mode === 'record') read.required('targets', 'a YAML list of {name, url}');
  const baseline =
    mode === 'compare' ? read.required('baseline', 'the output baseline of load-baseline mode: record') : '';
  if (baseline) {
    try {
      baselineId(baseline);
    } catch (error) {
      read.problems.push((error as Error).message);
    }
  }
  const inputs: Inputs = {
    mode,
    targets: read.yaml('targets', parseTargets, []),
    rate: read.number('rate', { min: 1, max: 5000 }),
    durationMs: read.duration('duration', { minMs: 1000, maxMs: 3_600_000 }),
    baseline,
    runId: read.text('run-id'),
    limits: {
      allowedErrorRate: percent('allowed-error-rate'),
      latencyTolerance: percent('latency-tolerance'),
      minLatencyDeltaMs: read.duration('min-latency-delta'),
      maxGapMs: read.duration('max-gap', { minMs: 1 }),
    },
  };
  read.finish();
  return inputs;
}

async function record(session: Session, inputs: Inputs): Promise<void> {
  session.say(
    `Recording ${inputs.targets.map((t) => t.name).join(', ')} with ${inputs.rate} requests per second each.`,
  );
  const records = await measure(session, inputs.targets, inputs.rate, inputs.durationMs);
  tell(session, records);
  const good = records.some((r) => totals(r).requests > totals(r).failures);
  session.summary(recordSummary(records));
  if (!good)
    throw new Error(
      `No request was answered well: ${records.map((r) => `${r.target} ${JSON.stringify(r.classes)}`).join(', ')}. Check the urls in targets; a baseline of failures would allow anything.`,
    );
  const id = await saveBaseline(await session.kubernetes(), {
    targets: inputs.targets,
    rate: inputs.rate,
    records,
  });
  session.output('baseline', JSON.stringify({ id }));
  session.output('verdict', 'recorded');
}

async function compareWithBaseline(session: Session, inputs: Inputs): Promise<void> {
  const kubernetes = await session.kubernetes();
  const baseline = await readBaseline(kubernetes, baselineId(inputs.baseline));
  const during = inputs.runId ? await loadTraffic(kubernetes, inputs.runId) : undefined;
  session.say(
    during ? `Judging the traffic of run ${inputs.runId}.` : 'No traffic of a run is known; measuring now.',
  );
  const records = during ?? (await measure(session, baseline.targets, baseline.rate, inputs.durationMs));
  tell(session, records);
  const comparisons = compare(baseline.records, records, inputs.limits);
  const verdict = worst(comparisons);
  session.output('verdict', verdict);
  session.output('p95-ratio', Math.max(...comparisons.map((c) => c.p95.ratio)).toFixed(2));
  session.summary(comparisonSummary(verdict, comparisons, records));
  const reasons = comparisons.flatMap((c) => c.reasons.map((r) => `  - ${c.target} (${c.lane}): ${r}`));
  const leftOut = describeLeftOut(sumLeftOut(records));
  if (leftOut) session.say(`Not held against the services: ${leftOut}.`);
  if (verdict === 'failed') throw new Error(`The services suffered:\n${reasons.join('\n')}`);
  if (verdict === 'inconclusive') session.warn(`The comparison is inconclusive:\n${reasons.join('\n')}`);
}

async function measure(
  session: Session,
  targets: TrafficTarget[],
  rate: number,
  durationMs: number,
): Promise<LaneRecord[]> {
  const { clock, signal } = session;
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
    onOutcome: (o) => recorder.add(o),
    onStandstill(missed) {
      recorder.stoodStill(missed);
      const line = teller.line(recorder.leftOut);
      if (line) session.say(`Traffic: ${line}`);
    },
  });
  try {
    await clock.sleep(durationMs, signal);
  } finally {
    end.abort();
    await running;
  }
  return recorder.records(await running);
}

function tell(session: Session, records: LaneRecord[]): void {
  const sums = records.map(totals);
  session.output('requests', String(sums.reduce((n, s) => n + s.requests, 0)));
  session.output('failures', String(sums.reduce((n, s) => n + s.failures, 0)));
  session.output('max-gap-ms', String(Math.max(0, ...records.map((r) => r.longestGapMs))));
}
