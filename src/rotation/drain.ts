import { budgetsOf } from '../cluster/budgets.ts';
import type { Pod, PodDisruptionBudget } from '../cluster/objects.ts';
import { isFinished, isMirror, isOfDaemonSet, isTerminating, ownerOf, podName } from '../cluster/pods.ts';
import type { EvictionAnswer } from '../cluster/ports.ts';
import { tolerates } from '../cluster/taints.ts';
import { names } from '../text.ts';
import { type Look, WaitTimeout, waitUntil } from '../wait.ts';
import { type Context, taintKey } from './context.ts';

/** Pods did not leave in time; the message names each, what holds it, and what to do. */
export class DrainFailed extends Error {}

/** Evictions in flight at once per node, to spare the API server. */
const concurrency = 5;
const pollMs = 400;
/** A pod that is terminating longer than its grace plus this is stuck. */
const stuckMs = 60_000;

/** Why a pod stays when its node is drained; undefined when it must go. Order as in kubectl's filters. */
export function staysBecause(pod: Pod): 'mirror' | 'finished' | 'daemonset' | 'tolerates' | undefined {
  if (isMirror(pod)) return 'mirror';
  if (isFinished(pod)) return 'finished';
  if (isOfDaemonSet(pod)) return 'daemonset';
  // It would be scheduled right back: evicting it would never end.
  if (
    (pod.spec.tolerations ?? []).some(
      (t) => t.operator === 'Exists' && !t.key && tolerates(t, { key: taintKey, effect: 'NoSchedule' }),
    )
  )
    return 'tolerates';
  return undefined;
}

/**
 * Evicts everything that must leave these nodes, all pods at once, and waits until they are gone: listed twice in a row
 * without a pod, because one may have been scheduled just before the taint.
 * @throws DrainFailed (drain-timeout).
 */
export async function drainNodes(context: Context, nodes: readonly string[]): Promise<void> {
  const { kubernetes, clock, signal, settings, say } = context;
  const answers = new Map<string, EvictionAnswer>();
  const told = new Set<string>();
  let empty = 0;
  const look = async (): Promise<Look<true>> => {
    const pods = (await podsOn(context, nodes)).filter((p) => !staysBecause(p));
    empty = pods.length === 0 ? empty + 1 : 0;
    if (empty >= 2) return { done: true };
    for (const node of nodes) {
      const due = pods.filter((p) => p.spec.nodeName === node && !isTerminating(p));
      await evictAll(context, due, answers);
    }
    const held = pods.filter((p) =>
      ['budget', 'several-budgets', 'refused'].includes(answers.get(p.metadata.uid ?? '')?.kind ?? ''),
    );
    for (const pod of held) {
      if (told.has(podName(pod))) continue;
      told.add(podName(pod));
      say(`Pod ${podName(pod)} must wait: ${messageOf(answers.get(pod.metadata.uid ?? ''))}`);
    }
    return {
      waiting: `${pods.length} pods left: ${names(
        pods.map((p) => describe(p, answers.get(p.metadata.uid ?? ''), clock.now())),
        3,
      )}`,
    };
  };
  const what = `the pods of ${names(nodes)} to leave`;
  try {
    await waitUntil(look, {
      what,
      timeoutName: 'drain-timeout',
      timeoutMs: settings.timeouts.drain,
      pollMs,
      say,
      clock,
      signal,
    });
  } catch (error) {
    if (!(error instanceof WaitTimeout)) throw error;
    const left = (await podsOn(context, nodes)).filter((p) => !staysBecause(p));
    const budgets = (await kubernetes.list('poddisruptionbudgets')).items;
    const lines = left.map((pod) =>
      advice(pod, answers.get(pod.metadata.uid ?? ''), budgetsOf(pod, budgets)),
    );
    throw new DrainFailed(`${error.message.split(':')[0]}:\n${lines.map((l) => `  - ${l}`).join('\n')}`);
  }
}

async function podsOn(context: Context, nodes: readonly string[]): Promise<Pod[]> {
  const lists = await Promise.all(
    nodes.map((node) => context.kubernetes.list('pods', { fieldSelector: `spec.nodeName=${node}` })),
  );
  return lists.flatMap((l) => l.items);
}

async function evictAll(context: Context, pods: Pod[], answers: Map<string, EvictionAnswer>): Promise<void> {
  const queue = [...pods];
  const worker = async () => {
    for (let pod = queue.shift(); pod; pod = queue.shift()) {
      context.signal.throwIfAborted();
      const { namespace = '', name, uid = '' } = pod.metadata;
      answers.set(uid, await context.kubernetes.evict({ namespace, name, uid }));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

const messageOf = (answer: EvictionAnswer | undefined): string =>
  answer && 'message' in answer ? answer.message : 'no answer yet';

function describe(pod: Pod, answer: EvictionAnswer | undefined, now: number): string {
  if (isTerminating(pod)) {
    const overdue = now - Date.parse(pod.metadata.deletionTimestamp ?? '');
    return `${podName(pod)} is terminating${overdue > stuckMs ? ' and overdue' : ''}`;
  }
  return `${podName(pod)}: ${messageOf(answer)}`;
}

/** What holds the pod, and what a person can do about it. */
function advice(pod: Pod, answer: EvictionAnswer | undefined, budgets: PodDisruptionBudget[]): string {
  const owner = ownerOf(pod);
  const workload = owner ? `${owner.kind} ${owner.name}` : 'it';
  const budget = budgets
    .map((b) => `PodDisruptionBudget ${b.metadata.namespace}/${b.metadata.name}`)
    .join(' and ');
  if (isTerminating(pod)) {
    return `Pod ${podName(pod)} is terminating since its deletion and has not ended. Look at its finalizers and at what its containers do on SIGTERM.`;
  }
  switch (answer?.kind) {
    case 'budget':
      return `Pod ${podName(pod)} is held by ${budget}: ${answer.message}. Give ${workload} one replica more, or let the budget allow one disruption (maxUnavailable: 1), then run the workflow again.`;
    case 'several-budgets':
      return `Pod ${podName(pod)} is selected by ${budget}; the Eviction API serves pods with one budget only. Remove all but one, then run the workflow again.`;
    default:
      return `Pod ${podName(pod)} was not evicted: ${messageOf(answer)}.`;
  }
}
