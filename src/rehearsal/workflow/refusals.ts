import { findAction, readAction, type Sources } from './action-files.ts';
import type { Step, Workflow } from './model.ts';
import { refusal } from './remote.ts';

/** What the runner understands. What it does not understand it refuses, since to pass over it would be another workflow. */
const known = {
  workflow: [
    'name',
    'run-name',
    'description',
    'on',
    'env',
    'defaults',
    'permissions',
    'concurrency',
    'jobs',
  ],
  job: [
    'name',
    'needs',
    'if',
    'env',
    'outputs',
    'defaults',
    'steps',
    'timeout-minutes',
    'runs-on',
    'environment',
    'permissions',
    'concurrency',
  ],
  step: [
    'id',
    'name',
    'if',
    'uses',
    'run',
    'shell',
    'with',
    'env',
    'continue-on-error',
    'timeout-minutes',
    'working-directory',
  ],
};
/** https://github.com/actions/runner/blob/main/docs/adrs/1144-composite-actions.md */
const deepest = 10;

/** Everything in a workflow, and in the actions that it uses, that cannot be run here. */
export function refusals(workflow: Workflow, sources: Sources): string[] {
  return [
    ...unknownKeys('the workflow', workflow, known.workflow),
    ...Object.entries(workflow.jobs).flatMap(([id, job]) => [
      ...unknownKeys(id, job, known.job),
      ...stepProblems(id, job.steps ?? [], sources, sources.repository, 1),
    ]),
  ];
}

function stepProblems(where: string, steps: Step[], sources: Sources, own: string, depth: number): string[] {
  return steps.flatMap((step) => [
    ...unknownKeys(where, step, known.step),
    ...(step.uses ? usesProblems(where, step.uses, sources, own, depth) : []),
  ]);
}

function usesProblems(where: string, uses: string, sources: Sources, own: string, depth: number): string[] {
  const found = findAction(uses, sources, own);
  if (!found) {
    const refused = refusal(uses);
    return refused ? [`${where}: ${refused}`] : [];
  }
  if (uses === '$/') return [`${where}: $/ needs a path; GitHub refuses it alone`];
  if (depth > deepest)
    return [`${where}: ${uses} is nested more than ${deepest} deep; does an action use itself?`];
  const action = readAction(found.directory);
  if (!action) return [`${where}: ${uses} has no action.yml`];
  const { using, pre, steps = [] } = action.runs;
  const inside = `${where}: ${uses}`;
  if (using === 'composite') return stepProblems(inside, steps, sources, found.repository, depth + 1);
  if (!/^node\d+$/.test(using))
    return [`${inside}: runs.using is ${using}; only composite and node actions can be run here`];
  return pre ? [`${inside}: runs.pre cannot be run here`] : [];
}

const unknownKeys = (where: string, value: object, keys: string[]): string[] =>
  Object.keys(value)
    .filter((key) => !keys.includes(key))
    .map((key) => `${where}: ${key} cannot be run here`);
