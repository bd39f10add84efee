import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InputValue } from './inputs.ts';

export type GithubContext = Record<string, unknown>;

export interface RunFacts {
  repository: string;
  workflow: string;
  file: string;
  event: string;
  inputs: Record<string, InputValue>;
  runId: string;
}

/** The context `github` of a run on this machine. */
export function githubContext({ repository, workflow, file, event, inputs, runId }: RunFacts): GithubContext {
  const ref = 'refs/heads/main';
  return {
    repository: 'local/repository',
    repository_owner: 'local',
    workflow,
    workflow_ref: `local/repository/${file}@${ref}`,
    run_id: runId,
    run_number: '1',
    run_attempt: '1',
    event_name: event,
    // On GitHub too, the inputs of the event are texts and those of the context `inputs` have their types.
    event: {
      inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, String(value)])),
    },
    actor: 'local',
    triggering_actor: 'local',
    ref,
    ref_name: 'main',
    ref_type: 'branch',
    sha: '0'.repeat(40),
    server_url: 'https://github.com',
    api_url: 'https://api.github.com',
    graphql_url: 'https://api.github.com/graphql',
    workspace: repository,
  };
}

/** The variables that a step finds; the event lies in a file of the job. */
export function defaultVariables(
  context: GithubContext,
  job: string,
  directory: string,
): Record<string, string> {
  const eventPath = join(directory, 'event.json');
  writeFileSync(eventPath, JSON.stringify(context.event));
  const github = Object.entries({ ...context, job, event_path: eventPath }).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    ...Object.fromEntries(github.map(([key, value]) => [`GITHUB_${key.toUpperCase()}`, value])),
    RUNNER_TEMP: directory,
    ...Object.fromEntries(
      Object.entries(runnerContext(directory)).map(([k, v]) => [`RUNNER_${k.toUpperCase()}`, v]),
    ),
  };
}

/** The context `runner`. */
export const runnerContext = (directory: string): Record<string, string> => ({
  name: 'local',
  os: 'Linux',
  arch: process.arch === 'arm64' ? 'ARM64' : 'X64',
  environment: 'self-hosted',
  temp: directory,
});
