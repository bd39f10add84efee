import { rmSync } from 'node:fs';
import { messageOf } from '../../text.ts';
import { type JobOptions, JobState, type Scope } from './job-state.ts';
import type { Job, JobResult, StepResult } from './model.ts';
import { endLeftovers } from './process.ts';
import { runPost, runStep } from './step.ts';

/** Runs the steps of one job in order, as GitHub's runner does, then the post steps in reverse. */
export async function runJob(options: JobOptions): Promise<JobResult> {
  const job = new JobState(options);
  const unlimit = job.limitAfterCancel();
  try {
    return await runSteps(job);
  } finally {
    unlimit();
    endLeftovers(job.trackingId);
    rmSync(job.directory, { recursive: true, force: true });
  }
}

async function runSteps(job: JobState): Promise<JobResult> {
  const { job: file, contexts, id, onLine } = job.options;
  const scope: Scope = { inputs: contexts.inputs as Scope['inputs'], steps: {}, env: {} };
  onLine(facts(id, file));
  const steps: StepResult[] = [];
  try {
    Object.assign(job.env, job.texts(file.env, job.contexts(scope)));
    for (const [i, step] of file.steps.entries()) {
      if (job.tooLong) break;
      steps.push(await runStep(job, step, step.id ?? `__${i}`, scope));
    }
    for (let i = 0; job.posts.length > 0 && !job.tooLong; i++) {
      const post = job.posts.pop();
      if (post) steps.push(await runPost(job, post, `__post_${i}`, scope));
    }
  } catch (error) {
    job.options.died.throwIfAborted();
    job.log.annotate('error', messageOf(error));
    job.fail();
  }
  if (job.tooLong)
    job.log.annotate('error', 'The job was cancelled, and what runs always took too long; it was ended.');
  const outputs = outputsOf(job, scope);
  return {
    conclusion: job.result,
    outputs,
    steps,
    summary: job.summary,
    annotations: job.log.annotations,
  };
}

/** The outputs of a job. Without those that contain something masked: GitHub drops them too. */
function outputsOf(job: JobState, scope: Scope): Record<string, string> {
  const outputs: Record<string, string> = {};
  try {
    for (const [name, text] of Object.entries(job.texts(job.options.job.outputs, job.contexts(scope)))) {
      if (job.log.contains(text))
        job.log.annotate('warning', `Skip output '${name}' since it may contain secret.`);
      else if (text !== '') outputs[name] = text;
    }
  } catch (error) {
    job.log.annotate('error', `Fail to evaluate job outputs: ${messageOf(error)}`);
    job.fail();
  }
  return outputs;
}

/** What has no effect on this machine, but on GitHub. */
function facts(id: string, job: Job): string {
  const parts = (['runs-on', 'environment', 'permissions', 'concurrency'] as const)
    .filter((key) => job[key] !== undefined)
    .map((key) => `${key} ${shown(job[key])}`);
  return `Job ${id}${parts.length > 0 ? `; not applied here: ${parts.join(', ')}` : ''}`;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
