import { budgetsOf, oneMoreHelps } from '../cluster/budgets.ts';
import type { Pod, PodDisruptionBudget } from '../cluster/objects.ts';
import { isFinished, isMirror, isOfDaemonSet, isTerminating, ownerOf, podName } from '../cluster/pods.ts';
import type { EvictionAnswer, HowNew } from '../cluster/ports.ts';
import { tolerates } from '../cluster/taints.ts';
import { count, names } from '../text.ts';
import { type Look, WaitTimeout, waitUntil } from '../wait.ts';
import { Allowance } from './allowance.ts';
import { type Context, taintKey } from './context.ts';
import { leftToEnd, whoseTurn } from './eviction-order.ts';
import { Overdue } from './overdue.ts';

/** Pods did not leave in time; the message names each, what holds it, and what to do. */
export class DrainFailed extends Error {}

/** Evictions in flight at once per node, to spare the API server. */
const concurrency = 5;
const pollMs = 400;

/**
 * How long until the same pod is asked again. A full budget may have room any moment. An API server that throttles says
 * when it wants to hear of us again. Several budgets or a refusal end only when a person changes something.
 */
export function askAgainAfterMs(answer: EvictionAnswer): number {
  switch (answer.kind) {
    case 'accepted':
    case 'gone':
      // A watch may be a moment behind.
      return 5000;
    case 'budget':
      return 1000;
    case 'busy':
      return Math.min(30_000, (answer.retryAfterSeconds ?? 2) * 1000);
    case 'namespace-terminating':
    case 'several-budgets':
    case 'refused':
      return 5000;
  }
}

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
 * without a pod, because one may have been scheduled just before the taint. Pods that hang are not waited for.
 * Returns the UIDs of those.
 * @throws DrainFailed (drain-timeout).
 */
export async function drainNodes(context: Context, nodes: readonly string[]): Promise<ReadonlySet<string>> {
  const { kubernetes, clock, signal, settings, say } = context;
  const answers: Answers = new Map();
  const told = new Set<string>();
  const overdue = new Overdue();
  const allowance = new Allowance();
  const hanging = new Set<string>();
  let empty = 0;
  const look = async (): Promise<Look<true>> => {
    // The look that decides must not be at what a watch has told so far.
    const present = (await podsOn(context, nodes, { fresh: empty > 0 })).filter((p) => !staysBecause(p));
    for (const pod of present) {
      const { uid = '' } = pod.metadata;
      if (hanging.has(uid) || !overdue.see(pod, clock.now())) continue;
      hanging.add(uid);
      say(
        `Pod ${podName(pod)} is overdue: it has been terminating for longer than its grace and a minute. Going on without it; it ends with its node.`,
      );
    }
    const pods = present.filter((p) => !hanging.has(p.metadata.uid ?? ''));
    empty = pods.length === 0 ? empty + 1 : 0;
    if (empty >= 2) return { done: true };
    const due = whoseTurn(pods).filter(
      (p) => !isTerminating(p) && !leftToEnd(p, settings) && (answerTo(p)?.askAgainAt ?? 0) <= clock.now(),
    );
    const budgets = due.length > 0 ? (await kubernetes.list('poddisruptionbudgets')).items : [];
    const { ask, held } = allowance.split(due, budgets, clock.now());
    for (const { pod, budget } of held)
      answers.set(pod.metadata.uid ?? '', { answer: noRoom(budget), askAgainAt: 0 });
    await Promise.all(
      nodes.map((node) =>
        evictAll(
          context,
          ask.filter((p) => p.spec.nodeName === node),
          answers,
        ),
      ),
    );
    for (const pod of pods) {
      const why = leftToEnd(pod, settings);
      if (why && !told.has(podName(pod))) {
        told.add(podName(pod));
        say(`Pod ${podName(pod)} is left to end by itself: ${why}.`);
      }
      const answer = answerTo(pod)?.answer;
      if (!answer || !waitsForAnother.has(answer.kind) || told.has(podName(pod))) continue;
      told.add(podName(pod));
      say(`Pod ${podName(pod)} must wait: ${messageOf(answer)}`);
    }
    // Waiting would not help any of them.
    if (pods.length > 0 && pods.every((p) => answerTo(p)?.answer.kind === 'several-budgets'))
      throw await failed(`Cannot drain ${names(nodes)}`);
    const left = pods.map((p) => describe(p, leftToEnd(p, settings) ?? messageOf(answerTo(p)?.answer)));
    return { waiting: `${count(pods.length, 'pod')} left: ${names(left, 3)}` };
  };
  const answerTo = (pod: Pod) => answers.get(pod.metadata.uid ?? '');
  const failed = async (what: string): Promise<DrainFailed> => {
    const left = (await podsOn(context, nodes)).filter((p) => !staysBecause(p));
    const budgets = (await kubernetes.list('poddisruptionbudgets')).items;
    const lines = left.map((pod) => {
      const why = leftToEnd(pod, settings);
      return why
        ? `Pod ${podName(pod)} has not ended by itself, and is not evicted: ${why}. Wait until it has, or allow its eviction, then run the workflow again.`
        : advice(pod, answerTo(pod)?.answer, budgetsOf(pod, budgets));
    });
    return new DrainFailed(`${what}:\n${lines.map((l) => `  - ${l}`).join('\n')}`);
  };
  const what = `the pods of ${names(nodes)} to leave`;
  try {
    await waitUntil(look, {
      what,
      timeoutName: 'drain-timeout',
      expectedMs: context.expected?.drain,
      timeoutMs: settings.timeouts.drain,
      pollMs,
      say,
      clock,
      signal,
      wake: context.changed,
      // Some pods are asked again after a while, and some become overdue.
      idleMs: 1000,
    });
  } catch (error) {
    if (!(error instanceof WaitTimeout)) throw error;
    throw await failed(error.message.slice(0, error.message.indexOf(':')));
  }
  return hanging;
}

/** By UID, because a pod of the same name elsewhere is another one. */
type Answers = Map<string, { answer: EvictionAnswer; askAgainAt: number }>;

/** What the Eviction API would say. */
function noRoom({ metadata, status }: PodDisruptionBudget): EvictionAnswer {
  const numbers = `needs ${status?.desiredHealthy} healthy pods and has ${status?.currentHealthy}`;
  return { kind: 'budget', message: `The disruption budget ${metadata.name} ${numbers} currently` };
}

const waitsForAnother: ReadonlySet<EvictionAnswer['kind']> = new Set([
  'budget',
  'several-budgets',
  'refused',
]);

export async function podsOn(
  context: Context,
  nodes: readonly string[],
  { fresh = false }: HowNew = {},
): Promise<Pod[]> {
  const lists = await Promise.all(
    nodes.map((node) => context.kubernetes.list('pods', { fieldSelector: `spec.nodeName=${node}`, fresh })),
  );
  return lists.flatMap((l) => l.items);
}

async function evictAll(context: Context, pods: Pod[], answers: Answers): Promise<void> {
  const queue = [...pods];
  const worker = async () => {
    for (let pod = queue.shift(); pod; pod = queue.shift()) {
      context.signal.throwIfAborted();
      const { namespace = '', name, uid = '' } = pod.metadata;
      const answer = await context.kubernetes.evict({ namespace, name, uid });
      answers.set(uid, { answer, askAgainAt: context.clock.now() + askAgainAfterMs(answer) });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

const messageOf = (answer: EvictionAnswer | undefined): string =>
  answer && 'message' in answer ? answer.message : 'no answer yet';

const describe = (pod: Pod, why: string): string =>
  isTerminating(pod) ? `${podName(pod)} is terminating` : `${podName(pod)}: ${why}`;

/** What holds the pod, and what a person can do about it. */
function advice(pod: Pod, answer: EvictionAnswer | undefined, budgets: PodDisruptionBudget[]): string {
  const owner = ownerOf(pod);
  const workload = owner ? `${owner.kind} ${owner.name}` : 'it';
  const budget = budgets
    .map((b) => `PodDisruptionBudget ${b.metadata.namespace}/${b.metadata.name}`)
    .join(' and ');
  const helps = budgets.every((b) => oneMoreHelps(b, b.status?.expectedPods ?? 1));
  const remedy = helps ? `Give ${workload} one replica more, or let the budget` : 'Let the budget';
  if (isTerminating(pod)) {
    return `Pod ${podName(pod)} is terminating since its deletion and has not ended. Look at its finalizers and at what its containers do on SIGTERM.`;
  }
  switch (answer?.kind) {
    case 'budget':
      return `Pod ${podName(pod)} is held by ${budget}: ${answer.message}. ${remedy} allow one disruption (maxUnavailable: 1), then run the workflow again.`;
    case 'several-budgets':
      return `Pod ${podName(pod)} is selected by ${budget}; the Eviction API serves pods with one budget only. Remove all but one, then run the workflow again.`;
    default:
      return `Pod ${podName(pod)} was not evicted: ${messageOf(answer)}.`;
  }
}
