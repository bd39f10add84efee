import { steadyAllowance } from '../../cluster/budgets.ts';
import type { Pod } from '../../cluster/objects.ts';
import { count, describeDuration, names } from '../../text.ts';
import type { RotationSettings } from '../context.ts';
import { remedyFor } from '../prospect.ts';
import type { Asked, Now } from './ask.ts';
import type { Workload } from './workloads.ts';

/** How a workload stands in the way, worst first. */
export type Outlook =
  /** The rotation stops at it unless a person changes something. */
  | 'blocks'
  /** Redis: another step moves it, and the rotation refuses to drain before. */
  | 'moves-first'
  /** Its pods end when they want, or drain-timeout is over. */
  | 'ends-itself'
  /** Blocked at this moment, until another pod is ready. */
  | 'waits'
  /** Blocked but for the replica that the rotation adds. */
  | 'surges'
  | 'in-turn'
  | 'stays'
  | 'never-returns'
  | 'loses-data';

export interface Blocker {
  outlook: Outlook;
  workload: string;
  /** How many of its pods are on nodes that leave. */
  pods: number;
  nodes: string[];
  why: string;
  /** What the rotation does about it. */
  action: string;
}

const order: readonly Outlook[] = [
  'blocks',
  'moves-first',
  'ends-itself',
  'waits',
  'surges',
  'in-turn',
  'stays',
  'never-returns',
  'loses-data',
];

/**
 * What stands in the way of which workload, and what the rotation does about it; workloads that just move are left out.
 * @param together how many members leave in one wave at most
 */
export function blockersOf(
  workloads: readonly Workload[],
  asked: Asked,
  settings: Pick<RotationSettings, 'timeouts' | 'settleMs'>,
  isRedis: (pod: Pod) => boolean,
): Blocker[] {
  return workloads
    .flatMap((workload) => {
      const findings = findingsOf(workload, asked.now.get(workload), settings, isRedis);
      const nodes = [...new Set(workload.pods.map((p) => p.spec.nodeName ?? ''))].sort();
      return findings.map((f) => ({ ...f, workload: workload.name, pods: workload.pods.length, nodes }));
    })
    .sort(
      (a, b) => order.indexOf(a.outlook) - order.indexOf(b.outlook) || (a.workload < b.workload ? -1 : 1),
    );
}

type Finding = Pick<Blocker, 'outlook' | 'why' | 'action'>;

function findingsOf(
  workload: Workload,
  now: Now | undefined,
  settings: Pick<RotationSettings, 'timeouts' | 'settleMs'>,
  isRedis: (pod: Pod) => boolean,
): Finding[] {
  const { pods, kind } = workload;
  const timeout = `for no longer than ${describeDuration(settings.timeouts.drain)} (drain-timeout)`;
  if (workload.stays)
    return [
      {
        outlook: 'stays',
        why: 'it tolerates every taint, so it would be scheduled right back',
        action: 'stays, and ends with its node',
      },
    ];
  if (pods.some(isRedis))
    return [
      {
        outlook: 'moves-first',
        why: 'it is Redis, which an eviction could cost writes',
        action: 'must be moved by migrate-redis, between phase: prepare and phase: drain',
      },
    ];
  if (workload.endsItself)
    return [{ outlook: 'ends-itself', why: workload.endsItself, action: `waited for, ${timeout}` }];
  const findings: Finding[] = [];
  const held = heldBecause(workload, now, settings, timeout);
  if (held) findings.push(held);
  if (kind === 'pod')
    findings.push({
      outlook: 'never-returns',
      why: 'no controller makes it anew',
      action: 'evicted, and does not come back',
    });
  const volumes = pods[0]?.spec.volumes?.filter((v) => v.emptyDir).map((v) => v.name) ?? [];
  if (volumes.length > 0)
    findings.push({
      outlook: 'loses-data',
      why: `emptyDir ${names(volumes, 3)}`,
      action: 'evicted; what is in it is lost',
    });
  return findings;
}

function heldBecause(
  { pods, budgets, prospect, replicas }: Workload,
  now: Now | undefined,
  settings: Pick<RotationSettings, 'settleMs'>,
  timeout: string,
): Finding | undefined {
  const budget = names(budgets.map((b) => `budget ${b.metadata.name}`));
  const fails = 'the drain fails after drain-timeout, and everything is put back.';
  switch (prospect) {
    case 'several-budgets':
      return {
        outlook: 'blocks',
        why: `${budget} select it, and the Eviction API serves pods with one budget only`,
        action: `${fails} Remove all but one.`,
      };
    case 'never':
      return {
        outlook: 'blocks',
        why: `${budget} never allows an eviction with ${count(replicas, 'replica')}`,
        action: `${fails} ${remedyFor(budgets, replicas)}`,
      };
    case 'surge':
      return {
        outlook: 'surges',
        why: `${budget} allows no eviction with ${count(replicas, 'replica')}`,
        action: `gets one replica more, which serves for ${describeDuration(settings.settleMs)} (settle-time) before the old one leaves`,
      };
  }
  if (now?.kind === 'refused')
    return { outlook: 'blocks', why: now.message, action: `${fails} Find out who refuses it.` };
  if (now?.kind === 'unknown')
    return { outlook: 'waits', why: `nobody knows: ${now.message}`, action: `asked again, ${timeout}` };
  if (now?.kind === 'blocked')
    return {
      outlook: 'waits',
      why: `now: ${now.message}`,
      action: `waits until another pod is ready, ${timeout}`,
    };
  const [tightest] = budgets.map((b) => steadyAllowance(b, replicas)).sort((a, b) => a - b);
  if (tightest === undefined || tightest >= pods.length || mostOnOneNode(pods) <= tightest) return undefined;
  return {
    outlook: 'in-turn',
    why: `${budget} allows ${tightest} at a time, and one node has ${mostOnOneNode(pods)}`,
    action: 'evicted in turn, each when the one before is ready elsewhere',
  };
}

function mostOnOneNode(pods: readonly Pod[]): number {
  const counts = new Map<string, number>();
  for (const { spec } of pods) counts.set(spec.nodeName ?? '', (counts.get(spec.nodeName ?? '') ?? 0) + 1);
  return Math.max(0, ...counts.values());
}
