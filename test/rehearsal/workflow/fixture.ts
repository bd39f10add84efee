import { spawn } from 'node:child_process';
import type { WorkflowOptions, WorkflowResult } from '../../../src/rehearsal/workflow/run-workflow.ts';

export interface Fixture extends Partial<WorkflowOptions> {
  files: Record<string, string>;
  /** Cancels the run when a job prints this. */
  cancelAt?: string;
  /** Kills the program that printed this with SIGKILL. */
  killAt?: string;
}

export interface FixtureRun extends WorkflowResult {
  repository: string;
  /** `job | line`. */
  lines: string[];
  /** `job: step started`, `job: step success`. */
  steps: string[];
}

const program = new URL('./program.ts', import.meta.url).pathname;

/** @throws Error when the workflow is refused. */
export async function runFixture(fixture: Fixture): Promise<FixtureRun> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(fixture));
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  const run = JSON.parse(text) as FixtureRun | { error: string };
  if ('error' in run) throw new Error(run.error);
  return run;
}

/** A workflow_dispatch workflow with these jobs; each is written without what all have in common. */
export function workflow(jobs: Record<string, string>, more = ''): Record<string, string> {
  const parts = Object.entries(jobs).map(([id, text]) => {
    const lines = text.trim().split('\n');
    return `  ${id}:\n    runs-on: ubuntu-latest\n${lines.map((line) => `    ${line}`).join('\n')}\n`;
  });
  return { 'w.yml': `on: workflow_dispatch\n${more}\njobs:\n${parts.join('')}` };
}
