import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../../text.ts';
import type { Contexts, Evaluator, Status } from './expressions.ts';
import { CommandFiles } from './files.ts';
import { JobLog } from './log.ts';
import type { Action, Conclusion, Job, JobResult, Step, StepResult } from './model.ts';
import { run } from './process.ts';
import { isLocal, satisfy } from './remote.ts';

export interface JobOptions {
  id: string;
  job: Job;
  repository: string;
  evaluator: Evaluator;
  /** `inputs`, `github`, `needs`, `vars`, `env` of the workflow. */
  contexts: Contexts;
  env: Record<string, string>;
  secrets: Record<string, string>;
  nodeBinary: string;
  signal: AbortSignal;
  died?: AbortSignal | undefined;
  onLine: (line: string) => void;
  onStep: (step: {
    name: string;
    change: 'started' | 'ended';
    conclusion?: string;
    seconds?: number;
  }) => void;
  onProcess?: ((pid: number) => void) | undefined;
}

interface Scope {
  inputs: Record<string, string>;
  steps: Record<string, { outputs: Record<string, string>; outcome: Conclusion; conclusion: Conclusion }>;
  env: Record<string, string>;
  status: Status;
  actionPath?: string;
}

interface Post {
  name: string;
  file: string;
  condition: string;
  env: Record<string, string>;
  state: Record<string, string>;
}

/** Runs the steps of one job in order, as GitHub's runner does, then the post steps in reverse. */
export async function runJob(options: JobOptions): Promise<JobResult> {
  return new JobRunner(options).run();
}

class JobRunner {
  readonly #o: JobOptions;
  readonly #log: JobLog;
  readonly #directory = mkdtempSync(join(tmpdir(), 'job-'));
  readonly #posts: Post[] = [];
  readonly #path: string[] = [];
  #env: Record<string, string>;
  #status: Status = 'success';
  #summary = '';
  #scripts = 0;

  constructor(options: JobOptions) {
    this.#o = options;
    this.#env = { ...options.env };
    this.#log = new JobLog(options.onLine);
    for (const secret of Object.values(options.secrets)) this.#log.mask(secret);
  }

  async run(): Promise<JobResult> {
    const { job, evaluator, onStep } = this.#o;
    const scope: Scope = {
      inputs: (this.#o.contexts.inputs ?? {}) as Record<string, string>,
      steps: {},
      env: {},
      status: 'success',
    };
    this.#env = { ...this.#env, ...this.#texts(job.env, scope) };
    const steps: StepResult[] = [];
    for (const [i, step] of job.steps.entries()) {
      const result = await this.#step(step, step.id ?? `__${i}`, scope, true);
      steps.push(result);
    }
    for (const post of this.#posts.reverse()) {
      if (!evaluator.condition(post.condition, this.#contexts(scope), this.#now())) continue;
      onStep({ name: `Post ${post.name}`, change: 'started' });
      const code = await this.#program(
        this.#o.nodeBinary,
        [post.file],
        { ...post.env, ...prefixed('STATE_', post.state) },
        {},
        new AbortController().signal,
      );
      onStep({ name: `Post ${post.name}`, change: 'ended', conclusion: code === 0 ? 'success' : 'failure' });
    }
    return {
      conclusion: this.#now(),
      outputs: this.#outputs(scope),
      steps,
      summary: this.#summary,
      annotations: this.#log.annotations,
    };
  }

  #now(): Status {
    if (this.#o.signal.aborted) this.#status = 'cancelled';
    return this.#status;
  }

  async #step(step: Step, id: string, scope: Scope, outer: boolean): Promise<StepResult> {
    const { evaluator, onStep } = this.#o;
    const name = evaluator.text(
      step.name ?? step.uses ?? step.run?.split('\n')[0] ?? id,
      this.#contexts(scope),
      this.#now(),
    );
    const status: Status = this.#now() === 'cancelled' ? 'cancelled' : outer ? this.#status : scope.status;
    const started = performance.now();
    const finish = (outcome: Conclusion, outputs: Record<string, string>): StepResult => {
      const forgiven =
        outcome === 'failure' &&
        evaluator.text(step['continue-on-error'], this.#contexts(scope), status) === 'true';
      const conclusion: Conclusion = forgiven ? 'success' : outcome;
      scope.steps[id] = { outputs, outcome, conclusion };
      if (conclusion === 'failure' || conclusion === 'cancelled') {
        if (outer) this.#status = this.#status === 'success' ? conclusion : this.#status;
        else scope.status = conclusion;
      }
      return { id, name, outputs, outcome, conclusion, seconds: (performance.now() - started) / 1000 };
    };
    try {
      if (!evaluator.condition(step.if, this.#contexts(scope), status)) return finish('skipped', {});
    } catch (error) {
      this.#log.line(`::error::The condition of ${name} cannot be evaluated: ${messageOf(error)}`);
      return finish('failure', {});
    }
    if (outer) onStep({ name, change: 'started' });
    // A step that runs after a cancellation, because its condition says so, is not cancelled itself.
    const signal = status === 'cancelled' ? new AbortController().signal : this.#o.signal;
    const { code, outputs } = await this.#act(step, scope, signal).catch((error) => {
      this.#o.died?.throwIfAborted();
      this.#log.line(`::error::${messageOf(error)}`);
      return { code: 1, outputs: {} };
    });
    const outcome: Conclusion = code === 0 ? 'success' : signal.aborted ? 'cancelled' : 'failure';
    const result = finish(outcome, outputs);
    if (outer) onStep({ name, change: 'ended', conclusion: result.conclusion, seconds: result.seconds });
    return result;
  }

  async #act(
    step: Step,
    scope: Scope,
    signal: AbortSignal,
  ): Promise<{ code: number; outputs: Record<string, string> }> {
    const env = { ...scope.env, ...this.#texts(step.env, scope) };
    if (step.uses) return this.#uses(step.uses, this.#texts(step.with, scope), env, signal);
    const script = join(this.#directory, `script-${this.#scripts++}.sh`);
    writeFileSync(script, this.#o.evaluator.text(step.run, this.#contexts(scope), this.#now()));
    const outputs: Record<string, string> = {};
    const extra = scope.actionPath ? { GITHUB_ACTION_PATH: scope.actionPath } : {};
    const code = await this.#program(
      'bash',
      ['--noprofile', '--norc', '-eo', 'pipefail', script],
      { ...env, ...extra },
      outputs,
      signal,
    );
    return { code, outputs };
  }

  async #uses(
    uses: string,
    given: Record<string, string>,
    env: Record<string, string>,
    signal: AbortSignal,
  ): Promise<{ code: number; outputs: Record<string, string> }> {
    if (!isLocal(uses)) {
      const { env: added = {}, outputs = {}, says } = satisfy(uses, given);
      Object.assign(this.#env, added);
      this.#log.line(`${uses.split('@')[0]}: ${says}`);
      return { code: 0, outputs };
    }
    const directory = resolve(this.#o.repository, uses.slice(2));
    const action = parse(readFileSync(join(directory, 'action.yml'), 'utf8')) as Action;
    const inputs: Record<string, string> = {};
    for (const [name, spec] of Object.entries(action.inputs ?? {})) {
      inputs[name] = given[name] ?? this.#o.evaluator.text(spec.default, this.#o.contexts, this.#now());
    }
    for (const name of Object.keys(given)) {
      if (!(name in inputs))
        this.#log.line(
          `::warning::Unexpected input(s) '${name}', valid inputs are ['${Object.keys(inputs).join("', '")}']`,
        );
    }
    if (action.runs.using === 'composite') return this.#composite(action, directory, inputs, env, signal);
    if (/^node\d+$/.test(action.runs.using)) return this.#node(action, directory, inputs, env, signal, uses);
    throw new Error(
      `${uses}: runs.using is ${action.runs.using}, and only composite and node actions can be run here.`,
    );
  }

  async #composite(
    action: Action,
    directory: string,
    inputs: Record<string, string>,
    env: Record<string, string>,
    signal: AbortSignal,
  ) {
    const scope: Scope = { inputs, steps: {}, env, status: 'success', actionPath: directory };
    for (const [i, step] of (action.runs.steps ?? []).entries()) {
      if (signal.aborted) scope.status = 'cancelled';
      await this.#step(step, step.id ?? `__${i}`, scope, false);
    }
    const outputs: Record<string, string> = {};
    // Outputs are mapped also when a step failed.
    for (const [name, { value }] of Object.entries(action.outputs ?? {}))
      outputs[name] = this.#o.evaluator.text(value, this.#contexts(scope), scope.status);
    return { code: scope.status === 'success' ? 0 : 1, outputs };
  }

  async #node(
    action: Action,
    directory: string,
    inputs: Record<string, string>,
    env: Record<string, string>,
    signal: AbortSignal,
    name: string,
  ) {
    const inputEnv = prefixed(
      'INPUT_',
      Object.fromEntries(
        Object.entries(inputs).map(([key, value]) => [key.replaceAll(' ', '_').toUpperCase(), value]),
      ),
    );
    const all = { ...env, ...inputEnv };
    const state: Record<string, string> = {};
    const { main = '', post, 'post-if': condition = 'always()' } = action.runs;
    if (post) this.#posts.push({ name, file: join(directory, post), condition, env: all, state });
    const outputs: Record<string, string> = {};
    const code = await this.#program(
      this.#o.nodeBinary,
      [join(directory, main)],
      all,
      outputs,
      signal,
      state,
    );
    return { code, outputs };
  }

  async #program(
    file: string,
    args: string[],
    env: Record<string, string>,
    outputs: Record<string, string>,
    signal: AbortSignal,
    state: Record<string, string> = {},
  ): Promise<number> {
    const files = new CommandFiles(this.#directory);
    const code = await run({
      file,
      args,
      cwd: this.#o.repository,
      env: {
        PATH: [...this.#path, process.env.PATH].join(':'),
        HOME: process.env.HOME ?? '',
        ...this.#runnerEnv(),
        ...this.#env,
        ...env,
        ...files.environment,
      },
      onLine: (line) => this.#log.line(line),
      signal,
      onStart: this.#o.onProcess,
      died: this.#o.died,
    });
    this.#o.died?.throwIfAborted();
    Object.assign(this.#env, files.pairs('ENV'));
    Object.assign(outputs, files.pairs('OUTPUT'));
    Object.assign(state, files.pairs('STATE'));
    this.#path.unshift(...files.paths());
    this.#summary += this.#log.masked(files.summary());
    return code;
  }

  #runnerEnv(): Record<string, string> {
    const github = this.#o.contexts.github as Record<string, string>;
    return {
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_JOB: this.#o.id,
      GITHUB_WORKSPACE: this.#o.repository,
      GITHUB_REPOSITORY: github.repository ?? '',
      GITHUB_RUN_ID: github.run_id ?? '',
      GITHUB_RUN_ATTEMPT: github.run_attempt ?? '',
      GITHUB_RUN_NUMBER: github.run_number ?? '',
      GITHUB_WORKFLOW: github.workflow ?? '',
      GITHUB_EVENT_NAME: github.event_name ?? '',
      GITHUB_ACTOR: github.actor ?? '',
      GITHUB_SHA: github.sha ?? '',
      GITHUB_REF: github.ref ?? '',
      RUNNER_TEMP: this.#directory,
      RUNNER_OS: 'Linux',
      RUNNER_ARCH: 'X64',
      RUNNER_NAME: 'local',
    };
  }

  #contexts(scope: Scope): Contexts {
    const github = {
      ...(this.#o.contexts.github as object),
      workspace: this.#o.repository,
      action_path: scope.actionPath ?? '',
    };
    return {
      ...this.#o.contexts,
      github,
      inputs: scope.inputs,
      steps: scope.steps,
      env: { ...this.#env, ...scope.env },
      job: { status: this.#status },
      runner: { os: 'Linux', arch: 'X64', temp: this.#directory, name: 'local' },
      secrets: this.#o.secrets,
    };
  }

  #texts(values: Record<string, unknown> | undefined, scope: Scope): Record<string, string> {
    return Object.fromEntries(
      Object.entries(values ?? {}).map(([key, value]) => [
        key,
        this.#o.evaluator.text(value, this.#contexts(scope), this.#now()),
      ]),
    );
  }

  #outputs(scope: Scope): Record<string, string> {
    const outputs: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#o.job.outputs ?? {})) {
      const text = this.#o.evaluator.text(value, this.#contexts(scope), this.#status);
      if (this.#log.contains(text))
        this.#log.line(`::warning::Skip output '${name}' since it may contain secret.`);
      else outputs[name] = text;
    }
    return outputs;
  }
}

const prefixed = (prefix: string, values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [prefix + key, value]));
