import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../../text.ts';
import { type Evaluator, makeEvaluator } from './expressions.ts';
import { githubContext } from './github-context.ts';
import { githubPackages } from './github-packages.ts';
import { readInputs } from './inputs.ts';
import { runJob } from './job.ts';
import { needsOf, statusOfNeeds } from './jobs.ts';
import type { Conclusion, Job, JobResult, StepChange, Workflow, WorkflowInput } from './model.ts';
import { refusals } from './refusals.ts';
import { githubTimes, type RunnerTimes } from './times.ts';

export interface WorkflowOptions {
  /** The repository's directory; it is also the workspace. */
  repository: string;
  /** Repositories of actions that are on this machine: `owner/name` and its directory. */
  actions?: Record<string, string>;
  /** Path of the workflow file in it. */
  file: string;
  /** What starts it; workflow_dispatch when left out. */
  event?: string;
  /** Inputs of workflow_dispatch. */
  inputs: Record<string, string>;
  env: Record<string, string>;
  secrets?: Record<string, string>;
  variables?: Record<string, string>;
  /** The Node that runs node actions. */
  nodeBinary: string;
  runId?: string;
  /** Where artifacts are kept; `.rehearsal/artifacts/<run id>` of the repository when left out. */
  artifacts?: string;
  times?: Partial<RunnerTimes>;
  /** Cancels the run. */
  signal?: AbortSignal;
  /** The runner itself dies: its programs are killed with it and no further step runs. `runWorkflow` then rejects. */
  died?: AbortSignal | undefined;
  onLine: (line: string, job: string) => void;
  onStep?: (step: StepChange & { job: string }) => void;
  /** Told the process id of every program that a step starts. */
  onProcess?: (pid: number, job: string) => void;
}

export interface WorkflowResult {
  conclusion: Conclusion;
  jobs: Record<string, JobResult>;
}

/**
 * Runs a workflow file of a repository on this machine as GitHub would.
 * @throws Error, before anything runs, when the file is not valid, an input is wrong, or something in it cannot be run here.
 */
export async function runWorkflow(options: WorkflowOptions): Promise<WorkflowResult> {
  const workflow = await readWorkflow(options);
  const run = await prepare(options, workflow);
  const results: Record<string, JobResult> = {};
  const running = new Map<string, Promise<void>>();
  const ids = Object.keys(workflow.jobs);
  while (Object.keys(results).length < ids.length) {
    for (const id of ids) {
      if (running.has(id) || !needsOf(workflow.jobs[id]).every((need) => need in results)) continue;
      const ended = startJob(run, id, results).then((result) => {
        results[id] = result;
      });
      running.set(id, ended);
    }
    const open = [...running].filter(([id]) => !(id in results)).map(([, ended]) => ended);
    await Promise.race(open);
  }
  return { conclusion: conclusionOf(results, run.signal.aborted), jobs: results };
}

function conclusionOf(results: Record<string, JobResult>, cancelled: boolean): Conclusion {
  if (cancelled) return 'cancelled';
  const conclusions = Object.values(results).map((r) => r.conclusion);
  return (['failure', 'cancelled'] as const).find((c) => conclusions.includes(c)) ?? 'success';
}

interface Run {
  options: WorkflowOptions;
  workflow: Workflow;
  evaluator: Evaluator;
  contexts: Parameters<typeof runJob>[0]['contexts'];
  env: Record<string, string>;
  artifacts: string;
  signal: AbortSignal;
  died: AbortSignal;
  times: RunnerTimes;
}

async function prepare(options: WorkflowOptions, workflow: Workflow): Promise<Run> {
  const { event = 'workflow_dispatch', file, runId = String(Date.now()) } = options;
  const repository = resolve(options.repository);
  const inputs = readInputs(inputSpecs(workflow), options.inputs);
  const evaluator = await makeEvaluator();
  const contexts = {
    inputs,
    github: githubContext({ repository, workflow: workflow.name ?? file, file, event, inputs, runId }),
    vars: options.variables ?? {},
    secrets: options.secrets ?? {},
  };
  const env = Object.entries(workflow.env ?? {}).map(([key, value]) => [
    key,
    evaluator.text(value, contexts),
  ]);
  return {
    options: { ...options, repository },
    workflow,
    evaluator,
    contexts,
    env: { ...options.env, ...Object.fromEntries(env) },
    artifacts: options.artifacts ?? join(repository, '.rehearsal', 'artifacts', runId),
    signal: options.signal ?? new AbortController().signal,
    died: options.died ?? new AbortController().signal,
    times: { ...githubTimes, ...options.times },
  };
}

/** One job from its condition to its result. Rejects only when the runner dies. */
async function startJob(run: Run, id: string, results: Record<string, JobResult>): Promise<JobResult> {
  const { options, workflow, evaluator, times, signal } = run;
  const job = workflow.jobs[id] as Job;
  const needs = Object.fromEntries(
    needsOf(job).map((n) => [n, { result: results[n]?.conclusion, outputs: results[n]?.outputs ?? {} }]),
  );
  const contexts = { ...run.contexts, needs };
  const onLine = (line: string) => options.onLine(line, id);
  const wanted = (cancelled: boolean): boolean =>
    evaluator.condition(
      job.if,
      contexts,
      statusOfNeeds(id, workflow.jobs, (other) => results[other]?.conclusion, cancelled),
    );
  const cancel = new AbortController();
  // A job whose condition also holds in a cancelled run is not cancelled, and one that starts in it runs to its end.
  const onCancel = () => {
    try {
      if (wanted(true)) return;
    } catch (error) {
      onLine(`Error: ${messageOf(error)}`);
    }
    cancel.abort();
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    if (!wanted(signal.aborted))
      return { conclusion: 'skipped', outputs: {}, steps: [], summary: '', annotations: [] };
    if (!signal.aborted) signal.addEventListener('abort', onCancel, { once: true });
    const minutes = Number(evaluator.text(job['timeout-minutes'], contexts));
    if (minutes > 0)
      timer = setTimeout(() => {
        onLine(`Error: The job has exceeded the maximum execution time of ${minutes} minutes.`);
        cancel.abort();
      }, minutes * times.minuteMs);
    return await runJob({
      id,
      job,
      place: { repository: options.repository, actions: options.actions ?? {}, artifacts: run.artifacts },
      evaluator,
      contexts,
      env: run.env,
      defaults: workflow.defaults ?? {},
      secrets: options.secrets ?? {},
      nodeBinary: options.nodeBinary,
      times,
      cancel: cancel.signal,
      died: run.died,
      onLine,
      onStep: (step) => options.onStep?.({ job: id, ...step }),
      onProcess: (pid) => options.onProcess?.(pid, id),
    });
  } catch (error) {
    run.died.throwIfAborted();
    const message = messageOf(error);
    onLine(`Error: ${message}`);
    return {
      conclusion: 'failure',
      outputs: {},
      steps: [],
      summary: '',
      annotations: [{ level: 'error', message }],
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onCancel);
  }
}

async function readWorkflow(options: WorkflowOptions): Promise<Workflow> {
  const { file, repository, actions = {}, event = 'workflow_dispatch' } = options;
  const content = readFileSync(join(repository, file), 'utf8');
  const { parser } = await githubPackages();
  const { NoOperationTraceWriter, parseWorkflow, convertWorkflowTemplate } = parser;
  const { context, value } = parseWorkflow({ name: file, content }, new NoOperationTraceWriter());
  if (value && context.errors.getErrors().length === 0) await convertWorkflowTemplate(context, value);
  const errors = context.errors.getErrors().map((e) => e.message);
  if (errors.length > 0) throw new Error(`${file} is not a valid workflow:\n${errors.join('\n')}`);
  const workflow = parse(content) as Workflow;
  const events = eventsOf(workflow);
  if (!events.includes(event))
    throw new Error(`${file} is not started by ${event}, only by ${events.join(', ')}.`);
  const problems = refusals(workflow, { repository: resolve(repository), actions });
  if (problems.length > 0) throw new Error(`${file} cannot be run here:\n${problems.join('\n')}`);
  return workflow;
}

function eventsOf({ on }: Workflow): string[] {
  if (typeof on === 'string') return [on];
  return Array.isArray(on) ? on : Object.keys(on);
}

function inputSpecs({ on }: Workflow): Record<string, WorkflowInput> {
  if (typeof on === 'string' || Array.isArray(on)) return {};
  const dispatch = on.workflow_dispatch as { inputs?: Record<string, WorkflowInput> } | null | undefined;
  return dispatch?.inputs ?? {};
}
