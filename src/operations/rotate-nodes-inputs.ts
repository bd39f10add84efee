import { parseRedis, type RedisTarget } from '../redis/settings.ts';
import type { RotationSettings } from '../rotation/context.ts';
import { type HandedPlan, parseHandedPlan } from '../rotation/handed-plan.ts';
import type { Agreed } from './agreed-plan.ts';
import { groupSelection, readCluster } from './common.ts';
import { InputReader } from './inputs.ts';

export const phases = ['all', 'prepare', 'drain', 'plan', 'restore', 'rollback'] as const;
export type Phase = (typeof phases)[number];

export interface RotateNodesInputs {
  phase: Phase;
  settings: RotationSettings;
  redis: RedisTarget[];
  runId: string;
  /** The plan that the run must have. */
  agreed: Agreed;
  /** Empty when no traffic is watched. */
  baseline: string;
}

/** Reads and checks every input. @throws BadInput with all problems. */
export function readRotateNodes(raw: Readonly<Record<string, string>>): RotateNodesInputs {
  const read = new InputReader(raw);
  readCluster(read);
  const phase = read.choice('phase', phases);
  const starts = phase === 'all' || phase === 'prepare';
  if (starts) readValidation(read);
  if (starts || phase === 'drain') read.required('baseline', 'the output baseline of load-baseline, or none');
  if (phase === 'drain') {
    read.required('run-id', 'the output run-id of rotate-nodes phase: prepare');
    read.required('plan-digest', 'the output plan-digest of rotate-nodes phase: prepare');
  }
  const redis = read.yaml('redis', parseRedis, []);
  const settings: RotationSettings = {
    select: groupSelection(read),
    ...(read.text('target-group') ? { into: read.text('target-group') } : {}),
    replace: {
      force: read.flag('force'),
      ...(read.text('max-node-age') ? { maxAgeMs: read.duration('max-node-age', { minMs: 60_000 }) } : {}),
    },
    ...readImage(read),
    maxSurge: readSize(read, 'max-surge'),
    maxUnavailable: readSize(read, 'max-unavailable'),
    clusterAutoscaler: readAutoscaler(read),
    ...(read.text('max-at-once')
      ? { maxAtOnce: read.number('max-at-once', { min: 1, max: 1000, integer: true }) }
      : {}),
    canary: read.flag('canary'),
    ...(read.choice('control-plane', ['leave', 'roll']) === 'roll' ? { controlPlane: 'roll' as const } : {}),
    controlPlaneIntervalMs: read.duration('control-plane-interval'),
    jobs: read.choice('jobs', ['wait', 'evict']),
    protectedPods: read.choice('protected-pods', ['wait', 'evict']),
    rolloutSurge: read.choice('rollout-surge', ['single-and-blocked', 'off']),
    withoutBudget: read.choice('without-budget', ['careful', 'all-at-once']),
    onBlocked: read.choice('on-blocked', ['fail', 'skip', 'force']),
    forceUnreadyMs: read.duration('force-unready-for', { minMs: 60_000 }),
    minHealthyTargets: readSize(read, 'min-healthy-targets'),
    onFailure: read.choice('on-failure', ['restore', 'keep']),
    intervalMs: read.duration('interval'),
    soakMs: read.duration('soak'),
    timeBudgetMs: read.duration('time-budget', { minMs: 1000 }),
    settleMs: read.duration('settle-time'),
    requiredPasses: read.number('required-passes', { min: 1, max: 100, integer: true }),
    timeouts: {
      node: read.duration('node-timeout', { minMs: 1000 }),
      drain: read.duration('drain-timeout', { minMs: 1000 }),
      grace: read.duration('grace-timeout', { minMs: 1000 }),
      rollout: read.duration('rollout-timeout', { minMs: 1000 }),
      deregistration: read.duration('deregistration-timeout', { minMs: 1000 }),
      volume: read.duration('volume-timeout', { minMs: 1000 }),
      terminate: read.duration('terminate-timeout', { minMs: 1000 }),
      gate: read.duration('gate-timeout', { minMs: 1000 }),
    },
  };
  if (isNothing(settings.maxSurge) && isNothing(settings.maxUnavailable)) {
    read.problems.push(
      'max-surge and max-unavailable: both are 0, so no node could ever be replaced; raise one of them',
    );
  }
  if (settings.ami && settings.into)
    read.problems.push(
      'ami and target-group: a group that takes the place of others brings its own image; give it that image, and leave ami empty',
    );
  if (settings.controlPlane && (settings.ami || settings.into))
    read.problems.push(
      `control-plane and ${settings.ami ? 'ami' : 'target-group'}: what the control plane launches is set in kops (kops edit instancegroup, kops update cluster --yes), and its groups take nobody in; roll it in a run of its own, without ${settings.ami ? 'ami' : 'target-group'}`,
    );
  if (settings.soakMs > 0 && settings.soakMs >= settings.timeBudgetMs)
    read.problem(
      'soak',
      read.text('soak'),
      `less than time-budget (${read.text('time-budget')}), or no wave would ever fit`,
    );
  const agreed = readAgreed(read, starts);
  const baseline = read.text('baseline');
  read.finish();
  return {
    phase,
    settings,
    redis,
    runId: read.text('run-id'),
    agreed,
    baseline: baseline === 'none' ? '' : baseline,
  };
}

function readAgreed(read: InputReader, starts: boolean): Agreed {
  const digest = read.text('plan-digest');
  const plan = read.yaml<HandedPlan | undefined>('plan', parseHandedPlan, undefined);
  if (plan && !starts)
    read.problem('plan', `the plan ${plan.digest}`, 'nothing: only phase: all and prepare make a plan');
  if (plan && digest && digest !== plan.digest)
    read.problem('plan-digest', digest, `${plan.digest}, the digest of the input plan, or nothing`);
  return { digest: plan?.digest ?? digest, plan };
}

const isNothing = (size: number | string): boolean => size === 0 || size === '0%';

function readValidation(read: InputReader): void {
  const text = read.required('validation', 'the output validation of validate-cluster phase: preflight');
  if (!text) return;
  const verdict = verdictOf(text);
  if (verdict !== 'passed')
    read.problem('validation', verdict ?? text, 'the verdict passed; let validate-cluster pass first');
}

function verdictOf(text: string): string | undefined {
  try {
    const { verdict } = JSON.parse(text) as { verdict?: unknown };
    return typeof verdict === 'string' ? verdict : undefined;
  } catch {
    return undefined;
  }
}

function readSize(read: InputReader, name: string): number | string {
  const text = read.text(name);
  if (/^\d+%$/.test(text) && Number(text.slice(0, -1)) <= 100) return text;
  if (/^\d+$/.test(text)) return Number(text);
  read.problem(name, text, 'a whole number such as 2 or a percentage such as 25%');
  return 1;
}

function readImage(read: InputReader): { ami?: string } {
  const text = read.text('ami');
  if (text === '') return {};
  const known = text === 'recommended' || /^ami-([0-9a-f]{8}|[0-9a-f]{17})$/.test(text);
  // The names of parameters: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
  if (!known && !/^(\/[\w.-]+){1,15}$/.test(text))
    read.problem(
      'ami',
      text,
      'an image id such as ami-0123456789abcdef0, the name of an SSM parameter such as /aws/service/..., or recommended',
    );
  return { ami: text };
}

function readAutoscaler(read: InputReader): string {
  const text = read.text('cluster-autoscaler');
  if (text === 'auto' || text === 'none' || /^[^/\s]+\/[^/\s]+$/.test(text)) return text;
  read.problem('cluster-autoscaler', text, 'auto, none or namespace/name');
  return 'auto';
}
