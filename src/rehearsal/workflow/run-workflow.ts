import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { makeEvaluator, type Status } from './expressions.ts';
import { githubPackages } from './github-packages.ts';
import { runJob } from './job-runner.ts';
import type { Conclusion, Job, JobResult, Workflow, WorkflowInput } from './model.ts';
import { refusal } from './remote.ts';

export interface WorkflowOptions {
  /** The repository's directory; it is also the workspace. */
  repository: string;
  /** Path of the workflow file in it. */
  file: string;
  /** Inputs of workflow_dispatch. */
  inputs: Record<string, string>;
  env: Record<string, string>;
  secrets?: Record<string, string>;
  variables?: Record<string, string>;
  /** The Node that runs node actions. */
  nodeBinary: string;
  runId?: string;
  /** Cancels the run. */
  signal?: AbortSignal;
  /** The runner itself dies: its programs are killed with it and no further step runs. `runWorkflow` then rejects. */
  died?: AbortSignal | undefined;
  onLine: (line: string, job: string) => void;
  onStep?: (step: {
    job: string;
    name: string;
    change: 'started' | 'ended';
    conclusion?: string;
    seconds?: number;
  }) => void;
  /** Told the process id of every program that a step starts. */
  onProcess?: (pid: number, job: string) => void;
}

export interface WorkflowResult {
  conclusion: Conclusion;
  jobs: Record<string, JobResult>;
}

/**
 * Runs a workflow file of a repository on this machine as GitHub would.
 * @throws Error, before anything runs, when the file is not valid, an input is wrong, or an action cannot be run here.
 */
export async function runWorkflow(options: WorkflowOptions): Promise<WorkflowResult> {
  const text = readFileSync(join(options.repository, options.file), 'utf8');
  await refuseInvalid(options.file, text);
  const workflow = parse(text) as Workflow;
  refuseUnknown(workflow);
  const inputs = readInputs(workflow.on.workflow_dispatch?.inputs ?? {}, options.inputs);
  const evaluator = await makeEvaluator();
  const github = {
    repository: 'local/repository',
    run_id: options.runId ?? String(Date.now()),
    run_number: '1',
    run_attempt: '1',
    workflow: workflow.name ?? options.file,
    event_name: 'workflow_dispatch',
    actor: 'local',
    ref: 'refs/heads/main',
    sha: '0'.repeat(40),
    event: { inputs },
  };
  const signal = options.signal ?? new AbortController().signal;
  const contexts = { inputs, github, vars: options.variables ?? {}, secrets: options.secrets ?? {}, env: {} };
  const workflowEnv = Object.fromEntries(
    Object.entries(workflow.env ?? {}).map(([key, value]) => [
      key,
      evaluator.text(value, contexts, 'success'),
    ]),
  );
  const env = { ...options.env, ...workflowEnv };

  const results: Record<string, JobResult> = {};
  const running = new Map<string, Promise<void>>();
  const needsOf = (job: Job): string[] => [job.needs ?? []].flat();
  const start = async (id: string, job: Job): Promise<void> => {
    const needs = Object.fromEntries(
      needsOf(job).map((n) => [n, { result: results[n]?.conclusion, outputs: results[n]?.outputs ?? {} }]),
    );
    const status = statusOfNeeds(
      Object.values(needs).map((n) => n.result),
      signal.aborted,
    );
    if (!evaluator.condition(job.if, { ...contexts, needs }, status)) {
      results[id] = { conclusion: 'skipped', outputs: {}, steps: [], summary: '', annotations: [] };
      return;
    }
    results[id] = await runJob({
      id,
      job,
      repository: options.repository,
      evaluator,
      contexts: { ...contexts, needs, env },
      env,
      secrets: options.secrets ?? {},
      nodeBinary: options.nodeBinary,
      signal,
      died: options.died,
      onLine: (line) => options.onLine(line, id),
      onStep: (step) => options.onStep?.({ job: id, ...step }),
      onProcess: (pid) => options.onProcess?.(pid, id),
    });
  };
  const jobs = Object.entries(workflow.jobs);
  while (Object.keys(results).length < jobs.length) {
    const before = running.size;
    for (const [id, job] of jobs) {
      if (running.has(id) || !needsOf(job).every((n) => n in results)) continue;
      running.set(id, start(id, job));
    }
    const open = [...running].filter(([id]) => !(id in results)).map(([, promise]) => promise);
    if (open.length === 0 && running.size === before)
      throw new Error(`${options.file}: the jobs need each other in a circle.`);
    await Promise.race(open.length > 0 ? open : [undefined]);
  }
  const conclusions = Object.values(results).map((r) => r.conclusion);
  const conclusion = (['failure', 'cancelled'] as const).find((c) => conclusions.includes(c)) ?? 'success';
  return { conclusion, jobs: results };
}

function statusOfNeeds(results: (Conclusion | undefined)[], cancelled: boolean): Status {
  if (cancelled || results.includes('cancelled')) return 'cancelled';
  // A skipped need skips what needs it, as a failed one does.
  return results.every((r) => r === 'success') ? 'success' : 'failure';
}

async function refuseInvalid(file: string, content: string): Promise<void> {
  const { parser } = await githubPackages();
  const { NoOperationTraceWriter, parseWorkflow } = parser;
  const { context } = parseWorkflow({ name: file, content }, new NoOperationTraceWriter());
  const errors = context.errors.getErrors().map((e) => e.message);
  if (errors.length > 0) throw new Error(`${file} is not a valid workflow:\n${errors.join('\n')}`);
}

function refuseUnknown(workflow: Workflow): void {
  const problems = Object.entries(workflow.jobs).flatMap(([id, job]) => {
    if (job.uses) return [`${id}: reusable workflows cannot be run here`];
    if (job.strategy) return [`${id}: strategy cannot be run here`];
    return job.steps.flatMap((step) => (step.uses ? (refusal(step.uses) ?? []) : []));
  });
  if (problems.length > 0) throw new Error(`The workflow cannot be run here:\n${problems.join('\n')}`);
}

function readInputs(
  specs: Record<string, WorkflowInput>,
  given: Record<string, string>,
): Record<string, string | boolean> {
  const problems = Object.keys(given)
    .filter((name) => !(name in specs))
    .map((name) => `${name} is not an input of the workflow`);
  const inputs: Record<string, string | boolean> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = given[name] ?? (spec.default === undefined ? '' : String(spec.default));
    if (spec.required && value === '') problems.push(`${name} is required`);
    if (spec.type === 'choice' && value !== '' && !spec.options?.includes(value))
      problems.push(`${name}: got ${value}, expected one of ${spec.options?.join(', ')}`);
    inputs[name] = spec.type === 'boolean' ? value === 'true' : value;
  }
  if (problems.length > 0) throw new Error(`The inputs do not fit the workflow:\n${problems.join('\n')}`);
  return inputs;
}
