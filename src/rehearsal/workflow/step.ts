import { messageOf } from '../../text.ts';
import { useAction } from './action.ts';
import type { JobState, Post, Result, Scope } from './job-state.ts';
import type { Step, StepResult } from './model.ts';
import { type Acted, runProgram, runScript, type Stops } from './program.ts';

/** A step of a job or of a composite action. Never throws, unless the runner dies. */
export function runStep(job: JobState, step: Step, id: string, scope: Scope): Promise<StepResult> {
  return guarded(job, step, id, scope, (env, stops) =>
    step.uses ? useAction(job, scope, step, env, stops, runStep) : runScript(job, scope, step, env, stops),
  );
}

/** The post step of a node action: it sees its own environment and what the action saved. */
export function runPost(job: JobState, post: Post, id: string, scope: Scope): Promise<StepResult> {
  const state = Object.fromEntries(Object.entries(post.state).map(([key, value]) => [`STATE_${key}`, value]));
  return guarded(job, { name: post.name, if: post.condition }, id, scope, (_, stops) =>
    runProgram(
      job,
      scope,
      {
        file: job.options.nodeBinary,
        args: [post.file],
        cwd: job.options.place.repository,
        env: { ...post.env, ...state },
        state: post.state,
      },
      stops,
    ),
  );
}

type Act = (env: Record<string, string>, stops: Stops) => Promise<Acted>;

/**
 * What holds for every step: environment, condition, cancellation, timeout and continue-on-error, in the order of StepsRunner.cs and
 * CompositeActionHandler.cs of https://github.com/actions/runner.
 */
async function guarded(job: JobState, step: Step, id: string, scope: Scope, act: Act): Promise<StepResult> {
  const started = performance.now();
  const { evaluator, onStep, died } = job.options;
  const { composite } = scope;
  let name = nameOf(step, id);
  const end = (outcome: StepResult['outcome'], outputs: Record<string, string>): StepResult => {
    const conclusion = outcome === 'failure' && forgiven(job, step, scope) ? 'success' : outcome;
    scope.steps[id] = { outputs, outcome, conclusion };
    if (composite && conclusion !== 'skipped') composite.status = worse(composite.status, conclusion);
    if (!composite && conclusion === 'failure') job.fail();
    return { id, name, outputs, outcome, conclusion, seconds: (performance.now() - started) / 1000 };
  };
  if (!composite) job.log.beginStep();
  let env: Record<string, string>;
  try {
    env = { ...scope.env, ...job.texts(step.env, job.contexts(scope)) };
    name = evaluator.text(nameOf(step, id), job.contexts(scope, env));
    if (!evaluator.condition(step.if, job.contexts(scope, env), job.status(scope))) return end('skipped', {});
  } catch (error) {
    job.log.annotate('error', `${name}: ${messageOf(error)}`);
    if (composite) composite.broken = true;
    return end('failure', {});
  }
  if (!composite) {
    job.stepName = name;
    onStep({ name, change: 'started' });
  }
  const stops = watch(job, step, scope, env);
  const { outcome, outputs } = await act(env, stops).catch((error): Acted => {
    died.throwIfAborted();
    job.log.annotate('error', messageOf(error));
    return { outcome: 'failure', outputs: {} };
  });
  stops.unwatch();
  const result = end(outcome, outputs);
  if (!composite) onStep({ name, change: 'ended', conclusion: result.conclusion, seconds: result.seconds });
  return result;
}

const nameOf = (step: Step, id: string): string =>
  step.name ?? step.uses ?? step.run?.trimStart().split('\n')[0] ?? id;

/** Cancels a running step when the job is cancelled, unless its condition holds then too; and ends it at its timeout. */
function watch(
  job: JobState,
  step: Step,
  scope: Scope,
  env: Record<string, string>,
): Stops & { unwatch(): void } {
  const { cancel, evaluator, times } = job.options;
  const cancelled = new AbortController();
  const timeout = new AbortController();
  const onCancel = () => {
    const status = { success: false, failure: false, cancelled: true };
    try {
      if (evaluator.condition(step.if, job.contexts(scope, env), status)) return;
    } catch (error) {
      job.log.annotate('error', messageOf(error));
    }
    cancelled.abort();
  };
  // A step that starts in a cancelled job does so because its condition says so.
  if (!cancel.aborted) cancel.addEventListener('abort', onCancel, { once: true });
  const minutes = minutesOf(job, step, scope);
  const timer = minutes > 0 ? setTimeout(() => timeout.abort(), minutes * times.minuteMs) : undefined;
  const deadline = scope.composite
    ? AbortSignal.any([timeout.signal, scope.composite.deadline])
    : timeout.signal;
  return {
    cancelled: cancelled.signal,
    deadline,
    unwatch() {
      clearTimeout(timer);
      cancel.removeEventListener('abort', onCancel);
    },
  };
}

function minutesOf(job: JobState, step: Step, scope: Scope): number {
  try {
    return Math.floor(Number(job.options.evaluator.text(step['timeout-minutes'], job.contexts(scope))));
  } catch (error) {
    job.log.annotate(
      'error',
      `An error occurred when attempting to determine the step timeout. ${messageOf(error)}`,
    );
    return 0;
  }
}

function forgiven(job: JobState, step: Step, scope: Scope): boolean {
  try {
    return job.options.evaluator.text(step['continue-on-error'], job.contexts(scope)) === 'true';
  } catch (error) {
    job.log.annotate('error', messageOf(error));
    return false;
  }
}

const order: Result[] = ['success', 'failure', 'cancelled'];
const worse = (a: Result, b: Result): Result => (order.indexOf(b) > order.indexOf(a) ? b : a);
