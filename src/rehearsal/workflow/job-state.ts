import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contexts, Evaluator, Status } from './expressions.ts';
import { defaultVariables, type GithubContext, runnerContext } from './github-context.ts';
import { JobLog } from './log.ts';
import type { Conclusion, Defaults, Job, StepChange } from './model.ts';
import type { Place } from './remote.ts';
import type { RunnerTimes } from './times.ts';

export interface JobOptions {
  id: string;
  job: Job;
  place: Place;
  evaluator: Evaluator;
  /** `inputs`, `github`, `needs`, `vars`, `secrets`. */
  contexts: Contexts & { github: GithubContext };
  env: Record<string, string>;
  /** The workflow's; the job's own come first. */
  defaults: Defaults;
  secrets: Record<string, string>;
  nodeBinary: string;
  times: RunnerTimes;
  /** Cancels this job: its steps end unless they run always, and its post steps still run. */
  cancel: AbortSignal;
  /** Ends everything at once. */
  died: AbortSignal;
  onLine: (line: string) => void;
  onStep: (step: StepChange) => void;
  onProcess?: ((pid: number) => void) | undefined;
}

/** What the steps of a job, or of a composite action in it, see of each other. */
export interface Scope {
  inputs: Record<string, unknown>;
  steps: Record<string, { outputs: Record<string, string>; outcome: Conclusion; conclusion: Conclusion }>;
  /** What the steps around a composite action have set for it. */
  env: Record<string, string>;
  /** Set inside a composite action. */
  composite?: {
    path: string;
    /** The repository that the action is of. */
    repository: string;
    status: Result;
    /** The timeout of the step that uses the action. */
    deadline: AbortSignal;
    /** A condition could not be evaluated; the runner then runs no further step of the action, not even `always()`. */
    broken: boolean;
  };
}

export type Result = 'success' | 'failure' | 'cancelled';

export interface Post {
  name: string;
  file: string;
  condition: string;
  env: Record<string, string>;
  state: Record<string, string>;
}

/** What the steps of one job share. */
export class JobState {
  readonly options: JobOptions;
  readonly log: JobLog;
  readonly directory = mkdtempSync(join(tmpdir(), 'job-'));
  readonly trackingId = randomUUID();
  /** Later ones run first. */
  readonly posts: Post[] = [];
  /** What steps put before PATH; later ones come first. */
  readonly path: string[] = [];
  env: Record<string, string>;
  summary = '';
  /** The name of the step that runs now; those inside a composite action belong to it. */
  stepName = '';
  /** Ends every program, when the runner dies or a cancelled job takes too long. */
  readonly over: AbortSignal;
  readonly #variables: Record<string, string>;
  readonly #tooLong = new AbortController();
  #failed = false;
  #scripts = 0;

  constructor(options: JobOptions) {
    this.options = options;
    this.env = { ...options.env };
    this.log = new JobLog(options.onLine);
    this.over = AbortSignal.any([options.died, this.#tooLong.signal]);
    this.#variables = defaultVariables(options.contexts.github, options.id, this.directory);
    for (const secret of Object.values(options.secrets)) this.log.mask(secret);
  }

  get result(): Result {
    if (this.options.cancel.aborted) return 'cancelled';
    return this.#failed ? 'failure' : 'success';
  }

  /** Whether a cancelled job has used up its time. */
  get tooLong(): boolean {
    return this.#tooLong.signal.aborted;
  }

  fail(): void {
    this.#failed = true;
  }

  /** A cancelled job has a limited time for what runs always. Call what is returned when the job has ended. */
  limitAfterCancel(): () => void {
    let timer: NodeJS.Timeout | undefined;
    const start = () => {
      timer = setTimeout(() => this.#tooLong.abort(), this.options.times.cancelledJobMs);
    };
    if (this.options.cancel.aborted) start();
    else this.options.cancel.addEventListener('abort', start, { once: true });
    return () => {
      clearTimeout(timer);
      this.options.cancel.removeEventListener('abort', start);
    };
  }

  nextScript(): string {
    return join(this.directory, `script-${this.#scripts++}`);
  }

  /** What an `if` of a step in this scope sees. In a composite action success() and failure() are about the action alone. */
  status(scope: Scope): Status {
    const result = scope.composite?.status ?? this.result;
    return {
      success: result === 'success',
      failure: result === 'failure',
      cancelled: this.result === 'cancelled',
    };
  }

  contexts(scope: Scope, env: Record<string, string> = scope.env): Contexts {
    const { github, ...others } = this.options.contexts;
    const { composite } = scope;
    return {
      // `needs`, `vars` and `secrets` are the workflow's; no action sees them.
      ...(composite ? {} : others),
      github: {
        ...github,
        job: this.options.id,
        ...(composite ? { action_path: composite.path, action_status: composite.status } : {}),
      },
      inputs: scope.inputs,
      steps: scope.steps,
      env: { ...this.env, ...env },
      job: { status: this.result },
      runner: runnerContext(this.directory),
      strategy: {},
      matrix: {},
    };
  }

  texts(values: Record<string, unknown> | undefined, contexts: Contexts): Record<string, string> {
    return Object.fromEntries(
      Object.entries(values ?? {}).map(([key, value]) => [key, this.options.evaluator.text(value, contexts)]),
    );
  }

  /** The whole environment of a program. */
  environment(scope: Scope, env: Record<string, string>): Record<string, string> {
    return {
      HOME: process.env.HOME ?? '',
      ...this.env,
      ...env,
      PATH: [...this.path, env.PATH ?? this.env.PATH ?? process.env.PATH].join(':'),
      ...this.#variables,
      ...(scope.composite ? { GITHUB_ACTION_PATH: scope.composite.path } : {}),
    };
  }
}
