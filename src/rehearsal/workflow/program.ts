import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommandFiles } from './files.ts';
import type { JobState, Scope } from './job-state.ts';
import type { Conclusion, Step } from './model.ts';
import { run, trackingVariable } from './process.ts';

/** What a running step is told: stop, or out of time. */
export interface Stops {
  cancelled: AbortSignal;
  deadline: AbortSignal;
}

export interface Acted {
  outcome: Exclude<Conclusion, 'skipped'>;
  outputs: Record<string, string>;
}

export interface Program {
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /** Filled with what the program saves for its post step. */
  state?: Record<string, string>;
}

/** Runs one program of a step and takes over what it left in its command files, also when it failed. */
export async function runProgram(
  job: JobState,
  scope: Scope,
  { file, args, cwd, env, state }: Program,
  stops: Stops,
): Promise<Acted & { code: number }> {
  const files = new CommandFiles(job.directory);
  const code = await run({
    file,
    args,
    cwd,
    env: {
      ...job.environment(scope, env),
      ...files.environment,
      [trackingVariable]: job.trackingId,
    },
    onLine: (line) => job.log.line(line),
    signal: AbortSignal.any([stops.cancelled, stops.deadline]),
    died: job.over,
    times: job.options.times,
    onStart: job.options.onProcess,
  });
  job.options.died.throwIfAborted();
  const left = files.read((message) => job.log.annotate('error', message));
  Object.assign(job.env, left.env);
  if (state) Object.assign(state, left.state);
  for (const path of left.paths) job.path.unshift(path);
  job.summary += job.log.masked(left.summary);
  return { code, outputs: left.outputs, outcome: outcomeOf(job, code, left.unreadable, stops) };
}

function outcomeOf(job: JobState, code: number, unreadable: boolean, stops: Stops): Acted['outcome'] {
  // A program that was told to stop is cancelled, whatever it says itself.
  if (stops.cancelled.aborted || job.over.aborted) return 'cancelled';
  if (stops.deadline.aborted) {
    job.log.annotate('error', `The action '${job.stepName}' has timed out.`);
    return 'failure';
  }
  return code === 0 && !unreadable ? 'success' : 'failure';
}

/** ScriptHandlerHelpers.cs of https://github.com/actions/runner: without a shell, bash stops at errors but not in pipes. */
const shells: Record<string, { file: string; args: (script: string) => string[] }> = {
  '': { file: 'bash', args: (script) => ['-e', script] },
  bash: { file: 'bash', args: (script) => ['--noprofile', '--norc', '-e', '-o', 'pipefail', script] },
  sh: { file: 'sh', args: (script) => ['-e', script] },
  python: { file: 'python', args: (script) => [script] },
};

/** A `run` step. */
export async function runScript(
  job: JobState,
  scope: Scope,
  step: Step,
  env: Record<string, string>,
  stops: Stops,
): Promise<Acted> {
  const contexts = job.contexts(scope, env);
  const text = (value: unknown): string => job.options.evaluator.text(value, contexts);
  const defaults = scope.composite ? undefined : (job.options.job.defaults ?? job.options.defaults).run;
  const name = text(step.shell ?? defaults?.shell);
  const shell = shells[name];
  if (!shell) throw new Error(`The shell ${name} cannot be run here; known are bash, sh and python.`);
  const directory = text(step['working-directory'] ?? defaults?.['working-directory']);
  const script = job.nextScript();
  writeFileSync(script, text(step.run));
  const acted = await runProgram(
    job,
    scope,
    {
      file: shell.file,
      args: shell.args(script),
      cwd: resolve(job.options.place.repository, directory),
      env,
    },
    stops,
  );
  if (acted.outcome === 'failure' && acted.code !== 0 && !stops.deadline.aborted)
    job.log.annotate('error', `Process completed with exit code ${acted.code}.`);
  return acted;
}
