import { createHash } from 'node:crypto';
import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';
import { checks } from '../validation/checks/index.ts';
import { findingLines, validationSummary } from '../validation/summary.ts';
import {
  lenient,
  onlyWorse,
  type Result,
  statusOf,
  type Verdict,
  validate,
  verdictOf,
} from '../validation/validate.ts';
import { readView } from '../validation/view.ts';
import { type Look, WaitTimeout, waitUntil } from '../wait.ts';
import { connectionInputs, groupInputs, groupSelection, readCluster } from './common.ts';
import type { Operation, Session } from './contract.ts';
import { InputReader } from './inputs.ts';

const pollMs = 2000;
const namespace = 'kube-system';
const snapshotName = (id: string): string => `eks-rolling-validation-${id}`;

export const validateCluster: Operation = {
  contract: {
    operation: 'validate-cluster',
    title: 'EKS Rolling: validate cluster',
    description:
      'Says before, between and after whether the cluster is fit to be rolled, and whether anything is worse than before.',
    inputs: {
      ...connectionInputs,
      ...groupInputs,
      phase: { description: 'preflight, between or postflight.', default: 'preflight' },
      before: { description: 'Output `validation` of the preflight; then only what is worse than it fails.' },
      blockers: {
        description: 'Whether pods that can never be evicted fail the preflight: fail or warn.',
        default: 'fail',
      },
      skip: { description: 'Ids of checks to leave out, separated by commas.' },
      'required-passes': { description: 'How many times in a row everything must pass.', default: '1' },
      timeout: { description: 'How long to wait for that.', default: '5m' },
    },
    outputs: {
      validation: 'Names this validation with its verdict; goes into rotate-nodes and into `before`.',
      verdict: 'passed, failed or unknown.',
      failed: 'JSON list of the ids of checks that failed or are unknown.',
      warnings: 'Number of warnings.',
    },
  },
  async run(session) {
    const inputs = readInputs(session.inputs);
    const source = { kubernetes: await session.kubernetes(), aws: await session.aws() };
    const before = inputs.before ? await loadSnapshot(source.kubernetes, inputs.before) : [];
    let results: Result[] = [];
    let passes = 0;
    const look = async (): Promise<Look<true>> => {
      const view = await readView(source, inputs.select);
      results = onlyWorse(validate(checks, inputs.phase, inputs.skip, view), before);
      if (inputs.blockers === 'warn') results = lenient(results, ['blocked-budgets']);
      passes = verdictOf(results) === 'passed' ? passes + 1 : 0;
      if (passes >= inputs.requiredPasses) return { done: true };
      const bad = results
        .filter((r) => statusOf(r) === 'failed' || statusOf(r) === 'unknown')
        .map((r) => r.id);
      return {
        waiting: bad.length > 0 ? bad.join(', ') : `passed ${passes} of ${inputs.requiredPasses} times`,
      };
    };
    try {
      const { clock, signal, say } = session;
      await waitUntil(look, {
        what: 'the checks to pass',
        timeoutName: 'timeout',
        timeoutMs: inputs.timeoutMs,
        pollMs,
        say,
        clock,
        signal,
      });
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
    }
    await report(session, source.kubernetes, inputs.phase, results);
  },
};

function readInputs(raw: Readonly<Record<string, string>>) {
  const read = new InputReader(raw);
  readCluster(read);
  const skip = read.list('skip');
  const ids = checks.map((c) => c.id);
  for (const id of skip.filter((s) => !ids.includes(s)))
    read.problem('skip', id, `ids among ${ids.join(', ')}`);
  const before = read.text('before');
  const beforeId = /"id"\s*:\s*"([0-9a-f]{12})"/.exec(before)?.[1] ?? '';
  if (before && !beforeId) read.problem('before', before, 'the output validation of validate-cluster');
  const inputs = {
    phase: read.choice('phase', ['preflight', 'between', 'postflight']),
    select: groupSelection(read),
    skip,
    before: beforeId,
    blockers: read.choice('blockers', ['fail', 'warn']),
    requiredPasses: read.number('required-passes', { min: 1, max: 100, integer: true }),
    timeoutMs: read.duration('timeout'),
  };
  if (inputs.phase === 'postflight' && !beforeId && !before)
    read.problem('before', '', 'the output validation of the preflight');
  read.finish();
  return inputs;
}

async function report(
  session: Session,
  kubernetes: Kubernetes,
  phase: string,
  results: Result[],
): Promise<void> {
  const verdict: Verdict = verdictOf(results);
  const bad = results.filter((r) => statusOf(r) === 'failed' || statusOf(r) === 'unknown');
  const id = await saveSnapshot(kubernetes, results);
  session.output('validation', JSON.stringify({ verdict, id }));
  session.output('verdict', verdict);
  session.output('failed', JSON.stringify(bad.map((r) => r.id)));
  session.output(
    'warnings',
    String(results.flatMap((r) => r.findings).filter((f) => f.status === 'warning').length),
  );
  session.summary(validationSummary(phase, verdict, results));
  for (const result of results) {
    session.say(`${statusOf(result).padEnd(8)} ${result.title}`);
    for (const line of findingLines(result)) session.say(`         ${line}`);
  }
  if (verdict === 'passed') return;
  const lines = bad.flatMap((r) => findingLines(r).map((l) => `  - ${r.id}: ${l}`));
  throw new Error(`The cluster is not fit (${phase} ${verdict}):\n${lines.join('\n')}`);
}

/** Findings stay in the cluster, so that any later step can say what is new. */
async function saveSnapshot(kubernetes: Kubernetes, results: Result[]): Promise<string> {
  const text = JSON.stringify(results.filter((r) => r.findings.length > 0));
  const id = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const metadata = {
    namespace,
    name: snapshotName(id),
    labels: { 'app.kubernetes.io/managed-by': 'eks-rolling' },
  };
  await kubernetes.create('configmaps', { metadata, data: { results: text } }).catch((error) => {
    // The same findings have the same id: it is there already.
    if (!(error instanceof KubernetesError && error.status === 409)) throw error;
  });
  return id;
}

async function loadSnapshot(kubernetes: Kubernetes, id: string): Promise<Result[]> {
  const map = await kubernetes.get('configmaps', { namespace, name: snapshotName(id) });
  if (!map?.data?.results)
    throw new Error(
      `before: the cluster has no ConfigMap ${namespace}/${snapshotName(id)}; run the preflight again.`,
    );
  return JSON.parse(map.data.results) as Result[];
}
