/** The parts of a workflow and an action file that the runner reads. */
export interface Step {
  id?: string;
  name?: string;
  if?: string | boolean;
  uses?: string;
  run?: string;
  shell?: string;
  with?: Record<string, unknown>;
  env?: Record<string, unknown>;
  'continue-on-error'?: string | boolean;
  'timeout-minutes'?: string | number;
  'working-directory'?: string;
}

export interface Defaults {
  run?: { shell?: string; 'working-directory'?: string };
}

export interface Job {
  name?: string;
  needs?: string | string[];
  if?: string | boolean;
  env?: Record<string, unknown>;
  outputs?: Record<string, string>;
  defaults?: Defaults;
  steps: Step[];
  'timeout-minutes'?: string | number;
  'runs-on'?: unknown;
  environment?: unknown;
  permissions?: unknown;
  concurrency?: unknown;
}

export interface WorkflowInput {
  description?: string;
  required?: boolean;
  default?: unknown;
  type?: 'string' | 'boolean' | 'choice' | 'number' | 'environment';
  options?: string[];
}

export interface Workflow {
  name?: string;
  on: string | string[] | Record<string, unknown>;
  env?: Record<string, unknown>;
  defaults?: Defaults;
  permissions?: unknown;
  concurrency?: unknown;
  jobs: Record<string, Job>;
}

export interface Action {
  inputs?: Record<string, { required?: boolean; default?: unknown }>;
  outputs?: Record<string, { value?: string }>;
  runs: { using: string; pre?: string; main?: string; post?: string; 'post-if'?: string; steps?: Step[] };
}

export type Conclusion = 'success' | 'failure' | 'cancelled' | 'skipped';

export interface StepResult {
  id: string;
  name: string;
  outputs: Record<string, string>;
  /** Before and after continue-on-error. */
  outcome: Conclusion;
  conclusion: Conclusion;
  seconds: number;
}

export interface JobResult {
  conclusion: Conclusion;
  outputs: Record<string, string>;
  steps: StepResult[];
  summary: string;
  annotations: { level: string; message: string }[];
}

/** A post step starts, or any step ends; for those who watch. */
export interface StepChange {
  name: string;
  change: 'started' | 'ended';
  conclusion?: string;
  seconds?: number;
}
