import { join } from 'node:path';
import { type Found, findAction, readAction } from './action-files.ts';
import type { JobState, Scope } from './job-state.ts';
import type { Action, Step, StepResult } from './model.ts';
import { type Acted, runProgram, type Stops } from './program.ts';
import { satisfy } from './remote.ts';

/** How a composite action runs its steps; handed in, since steps use actions and actions have steps. */
export type RunStep = (job: JobState, step: Step, id: string, scope: Scope) => Promise<StepResult>;

interface Use extends Found {
  action: Action;
  inputs: Record<string, string>;
  env: Record<string, string>;
  stops: Stops;
}

/** A `uses` step. */
export async function useAction(
  job: JobState,
  scope: Scope,
  step: Step,
  env: Record<string, string>,
  stops: Stops,
  runStep: RunStep,
): Promise<Acted> {
  const { place } = job.options;
  const uses = step.uses ?? '';
  const given = job.texts(step.with, job.contexts(scope, env));
  const found = findAction(uses, place, scope.composite?.repository);
  if (!found) {
    const { env: added = {}, says } = satisfy(uses, given, place);
    Object.assign(job.env, added);
    job.log.line(says.startsWith('::') ? says : `${uses.split('@')[0]}: ${says}`);
    return { outcome: 'success', outputs: {} };
  }
  const action = readAction(found.directory);
  if (!action) throw new Error(`${uses} has no action.yml`);
  const use: Use = { ...found, action, inputs: inputsOf(job, scope, action, given), env, stops };
  return action.runs.using === 'composite' ? runComposite(job, use, runStep) : runNodeAction(job, scope, use);
}

function inputsOf(
  job: JobState,
  scope: Scope,
  action: Action,
  given: Record<string, string>,
): Record<string, string> {
  const specs = action.inputs ?? {};
  // Input names are the same in any case.
  const lower = new Map(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  const names = new Set(Object.keys(specs).map((name) => name.toLowerCase()));
  const unexpected = Object.keys(given).filter((name) => !names.has(name.toLowerCase()));
  if (unexpected.length > 0)
    job.log.annotate(
      'warning',
      `Unexpected input(s) '${unexpected.join("', '")}', valid inputs are ['${Object.keys(specs).join("', '")}']`,
    );
  const { github, runner, strategy, matrix, job: jobContext } = job.contexts(scope);
  const contexts = { github, runner, strategy, matrix, job: jobContext };
  return {
    ...Object.fromEntries(unexpected.map((name) => [name, given[name] ?? ''])),
    ...Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [
        name,
        lower.get(name.toLowerCase()) ?? job.options.evaluator.text(spec?.default, contexts),
      ]),
    ),
  };
}

async function runComposite(
  job: JobState,
  { action, directory, repository, inputs, env, stops }: Use,
  runStep: RunStep,
): Promise<Acted> {
  const composite = {
    path: directory,
    repository,
    status: 'success' as Acted['outcome'],
    deadline: stops.deadline,
    broken: false,
  };
  const scope: Scope = { inputs, steps: {}, env, composite };
  for (const [i, step] of (action.runs.steps ?? []).entries()) {
    await runStep(job, step, step.id ?? `__${i}`, scope);
    if (composite.broken) break;
  }
  // Outputs are mapped also when a step failed.
  const values = Object.entries(action.outputs ?? {}).map(([name, output]) => [name, output?.value]);
  return {
    outcome: composite.status,
    outputs: job.texts(Object.fromEntries(values), job.contexts(scope)),
  };
}

async function runNodeAction(
  job: JobState,
  scope: Scope,
  { action, directory, inputs, env, stops }: Use,
): Promise<Acted> {
  const { nodeBinary, place } = job.options;
  const { main = '', post, 'post-if': condition = 'always()' } = action.runs;
  const withInputs = {
    ...env,
    ...Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [
        `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`,
        value,
      ]),
    ),
  };
  const state: Record<string, string> = {};
  // Before main, so that the post step also runs when main fails.
  if (post)
    job.posts.push({
      name: `Post ${job.stepName}`,
      file: join(directory, post),
      condition,
      env: withInputs,
      state,
    });
  return runProgram(
    job,
    scope,
    { file: nodeBinary, args: [join(directory, main)], cwd: place.repository, env: withInputs, state },
    stops,
  );
}
