import { nodeReady } from '../cluster/members.ts';
import type { DaemonSet, Pod } from '../cluster/objects.ts';
import { isReady, ownerOf } from '../cluster/pods.ts';
import type { Kubernetes, ListQuery } from '../cluster/ports.ts';
import { names } from '../text.ts';
import { type Look, waitUntil } from '../wait.ts';
import type { Context } from './context.ts';

/** What live traffic says about going on. */
export interface Guard {
  verdict(): { level: 'ok' | 'pause' | 'stop'; reason: string };
}

/** A guard for runs without a baseline. */
export const noGuard: Guard = { verdict: () => ({ level: 'ok', reason: 'no traffic is watched' }) };

/** Whether a node says nothing about the cluster: it starts or leaves, by its name. */
export type NotCounted = (node: string) => boolean;

/** The guard said that the services suffer too much to go on. */
export class GuardStopped extends Error {}

const passPauseMs = 500;

/**
 * Workloads that have fewer ready pods than they want, as `Kind namespace/name`, and nodes that are not ready.
 * @param notCounted nodes that need not be ready, nor run their DaemonSets
 */
export async function troubles(
  kubernetes: Kubernetes,
  notCounted: NotCounted = () => false,
  query: ListQuery = {},
): Promise<string[]> {
  const [nodes, deployments, statefulSets, daemonSets] = await Promise.all([
    kubernetes.list('nodes', query),
    kubernetes.list('deployments', query),
    kubernetes.list('statefulsets', query),
    kubernetes.list('daemonsets', query),
  ]);
  const found = nodes.items
    .filter((n) => !nodeReady(n) && !notCounted(n.metadata.name))
    .map((n) => `Node ${n.metadata.name} is not ready`);
  const lacking = (
    kind: string,
    object: { metadata: { namespace?: string; name: string } },
    ready: number,
    wanted: number,
  ) => {
    if (ready < wanted)
      found.push(`${kind} ${object.metadata.namespace}/${object.metadata.name} has too few ready pods`);
  };
  for (const d of deployments.items)
    lacking('Deployment', d, d.status?.readyReplicas ?? 0, d.spec.replicas ?? 1);
  for (const s of statefulSets.items)
    lacking('StatefulSet', s, s.status?.readyReplicas ?? 0, s.spec.replicas ?? 1);
  const lackingSets = daemonSets.items.filter(
    (s) => (s.status?.numberReady ?? 0) < (s.status?.desiredNumberScheduled ?? 0),
  );
  const aside = nodes.items.filter((n) => notCounted(n.metadata.name)).length;
  const pods = lackingSets.length > 0 && aside > 0 ? (await kubernetes.list('pods', query)).items : [];
  for (const s of lackingSets) {
    const { numberReady = 0, desiredNumberScheduled = 0 } = s.status ?? {};
    if (aside > 0 && desiredNumberScheduled - numberReady <= aside && readyElsewhere(s, pods, notCounted))
      continue;
    lacking('DaemonSet', s, numberReady, desiredNumberScheduled);
  }
  return found;
}

/** Whether what lacks is on nodes that are not counted. */
const readyElsewhere = ({ metadata }: DaemonSet, pods: readonly Pod[], notCounted: NotCounted): boolean =>
  pods.every((p) => ownerOf(p)?.uid !== metadata.uid || isReady(p) || notCounted(p.spec.nodeName ?? ''));

/**
 * What keeps the gate shut at this moment: the guard, or what is worse than at the start; undefined when it is open.
 * @throws GuardStopped.
 */
export async function lookAtGate(
  { kubernetes, guard }: Pick<Context, 'kubernetes' | 'guard'>,
  known: ReadonlySet<string>,
  notCounted: NotCounted,
  query: ListQuery = {},
): Promise<string | undefined> {
  const { level, reason } = guard.verdict();
  if (level === 'stop')
    throw new GuardStopped(
      `The services suffer too much to go on: ${reason}. Everything is put back; find the cause, then run the workflow again.`,
    );
  const worse = (await troubles(kubernetes, notCounted, query)).filter((t) => !known.has(t));
  if (level === 'pause') return `the guard pauses the rotation: ${reason}`;
  return worse.length > 0 ? names(worse, 3) : undefined;
}

/**
 * Holds the rotation until the cluster has been no worse than at the start several times in a row and the guard is content.
 * @throws WaitTimeout (gate-timeout), GuardStopped.
 */
export async function passGate(
  context: Context,
  known: ReadonlySet<string>,
  notCounted: NotCounted = () => false,
): Promise<void> {
  const { clock, signal, settings, say } = context;
  let passes = 0;
  const look = async (): Promise<Look<true>> => {
    // The look that decides must not be at what a watch has told so far.
    const shut = await lookAtGate(context, known, notCounted, {
      fresh: passes + 1 >= settings.requiredPasses,
    });
    passes = shut ? 0 : passes + 1;
    if (passes >= settings.requiredPasses) return { done: true };
    return { waiting: shut ?? `passed ${passes} of ${settings.requiredPasses} times` };
  };
  await waitUntil(look, {
    what: 'the gate before the next wave',
    timeoutName: 'gate-timeout',
    expectedMs: context.expected?.gate,
    timeoutMs: settings.timeouts.gate,
    pollMs: passPauseMs,
    say,
    clock,
    signal,
    wake: context.changed,
    idleMs: passPauseMs,
  });
}
