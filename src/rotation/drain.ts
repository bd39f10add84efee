import type { Pod, PodDisruptionBudget } from '../cluster/objects.ts';
import { isFinished, isMirror, isOfDaemonSet, isTerminating, podName } from '../cluster/pods.ts';
import { type EvictionAnswer, type HowNew, KubernetesError } from '../cluster/ports.ts';
import { tolerates } from '../cluster/taints.ts';
import { count, describeDuration, names } from '../text.ts';
import { type Look, WaitTimeout, waitUntil } from '../wait.ts';
import { type Answer, type Answers, adviceFor, messageOf } from './advice.ts';
import { Allowance } from './allowance.ts';
import { Care } from './care.ts';
import type { Owners } from './careful.ts';
import { type Context, taintKey } from './context.ts';
import { leftToEnd, whoseTurn } from './eviction-order.ts';
import { graceOf, mayForce, unreadySince } from './force.ts';
import { Overdue } from './overdue.ts';
import { Patience } from './patience.ts';
import { taint } from './taints.ts';

/** Pods did not leave in time; the message names each, what holds it, and what to do. */
export class DrainFailed extends Error {
  /** Nodes whose pods could not even be told to leave. */
  readonly keeps: readonly string[];
  constructor(message: string, keeps: readonly string[] = []) {
    super(message);
    this.keeps = keeps;
  }
}

/** Something that has to happen before some pods may leave. */
export interface HoldsBack {
  /** How long it may hold any of them. */
  longestMs: number;
  /** Looks at what it waits for; before each of the following. */
  look(): Promise<void>;
  /** Why the pod must wait; undefined when it need not. */
  heldBack(pod: Pod): string | undefined;
  /** The nodes of those of these pods that wait for what will not come. */
  givenUp(pods: readonly Pod[]): Promise<SkippedNode[]>;
}

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

export interface DrainOptions {
  /** Is told of nodes as soon as they are empty, with the UIDs of pods that are not waited for. */
  onEmpty?: ((nodes: readonly string[], hanging: ReadonlySet<string>) => void) | undefined;
  /** Is handed the pods that have to leave, at every look. */
  onLook?: (present: readonly Pod[]) => Promise<void>;
  /** Whose pods these are, where that has just been read. */
  owners?: Owners;
  first?: HoldsBack;
  /** UIDs of pods that hung before. */
  hung?: ReadonlySet<string>;
}

/** What came of draining a wave. */
export interface Drained {
  /** UIDs of pods that were not waited for. */
  hanging: ReadonlySet<string>;
  /** Nodes that keep a pod, by on-blocked: skip. */
  skipped: SkippedNode[];
}

export interface SkippedNode {
  node: string;
  /** One line per pod. */
  why: string[];
}

/**
 * Evicts everything that must leave these nodes, all pods at once as far as others of theirs are ready, and waits until they
 * are gone: listed twice in a row without a pod, because one may have been scheduled just before the taint. Pods that hang
 * are not waited for. What happens to a pod that is blocked for all of drain-timeout is up to on-blocked.
 * @throws DrainFailed (drain-timeout, grace-timeout).
 */
export async function drainNodes(
  context: Context,
  wave: readonly string[],
  { onEmpty, onLook, owners, first, hung }: DrainOptions = {},
): Promise<Drained> {
  const { kubernetes, clock, signal, settings, say } = context;
  const { drain: drainMs, grace: graceMs } = settings.timeouts;
  const answers: Answers = new Map();
  const told = new Set<string>();
  const overdue = new Overdue();
  const allowance = new Allowance();
  const patience = new Patience();
  const hanging = new Set(hung);
  const care = settings.withoutBudget === 'careful' ? new Care(context, owners) : undefined;
  const skipped: SkippedNode[] = [];
  let nodes = [...wave];
  /** How many looks in a row have found a node empty. */
  const empty = new Map<string, number>();
  const answerTo = (pod: Pod) => answers.get(pod.metadata.uid ?? '');
  const left = async (howNew?: HowNew) =>
    (await podsOn(context, nodes, howNew)).filter((p) => !staysBecause(p));

  const look = async (): Promise<Look<true>> => {
    await keepClosed(context, nodes);
    // The look that decides must not be at what a watch has told so far.
    const present = await left({ fresh: nodes.some((n) => (empty.get(n) ?? 0) > 0) });
    const now = clock.now();
    await onLook?.(present);
    for (const pod of present) {
      const { uid = '' } = pod.metadata;
      if (hanging.has(uid) || !overdue.see(pod, now)) continue;
      hanging.add(uid);
      say(
        `Pod ${podName(pod)} is overdue: it has been terminating for longer than its grace and a minute. Going on without it; it ends with its node.`,
      );
    }
    const pods = present.filter((p) => !hanging.has(p.metadata.uid ?? ''));
    for (const node of nodes)
      empty.set(node, pods.some((p) => p.spec.nodeName === node) ? 0 : (empty.get(node) ?? 0) + 1);
    const done = nodes.filter((n) => (empty.get(n) ?? 0) >= 2);
    if (done.length > 0) onEmpty?.(done, new Set(hanging));
    nodes = nodes.filter((n) => !done.includes(n));
    if (nodes.length === 0) return { done: true };
    await first?.look();
    const given = (await first?.givenUp(pods)) ?? [];
    if (given.length > 0) leaveOut(given);
    const turn = whoseTurn(pods);
    const waiting = new Map(
      turn.flatMap((p) => {
        const why = first?.heldBack(p);
        return why ? [[p, why] as const] : [];
      }),
    );
    for (const [pod, why] of waiting)
      answers.set(pod.metadata.uid ?? '', { answer: { kind: 'held-back', message: why }, askAgainAt: 0 });
    const due = turn.filter(
      (p) =>
        !isTerminating(p) &&
        !leftToEnd(p, settings) &&
        !waiting.has(p) &&
        (answerTo(p)?.askAgainAt ?? 0) <= now,
    );
    const budgets = due.length > 0 ? (await kubernetes.list('poddisruptionbudgets')).items : [];
    const { ask, held } = allowance.split(due, budgets, now);
    for (const { pod, budget } of held)
      answers.set(pod.metadata.uid ?? '', { answer: noRoom(budget), askAgainAt: 0 });
    const heldBack = await (care?.heldBack(ask, (pod) => isAskedAway(answerTo(pod)?.answer)) ?? []);
    for (const { uid, why } of heldBack)
      answers.set(uid, { answer: { kind: 'held-back', message: why }, askAgainAt: 0 });
    const free = ask.filter((p) => !heldBack.some((h) => h.uid === p.metadata.uid));
    await Promise.all(
      nodes.map((node) =>
        evictAll(
          context,
          free.filter((p) => p.spec.nodeName === node),
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
    const hopeless = pods.every((p) => !isTerminating(p) && answerTo(p)?.answer.kind === 'several-budgets');
    const blocked = turn.filter((p) => {
      // Its own patience begins when it may leave.
      if (waiting.has(p)) return false;
      const waited = patience.see(p, now);
      if (isAskedAway(answerTo(p)?.answer) && !isTerminating(p)) return false;
      return hopeless || waited >= (isTerminating(p) ? graceMs : drainMs);
    });
    const stuck = await forceThrough(context, blocked, answers);
    if (stuck.length > 0) await giveUp(stuck, hopeless);
    const words = pods.map((p) => {
      const why = isTerminating(p)
        ? 'it is terminating'
        : (leftToEnd(p, settings) ?? messageOf(answerTo(p)?.answer));
      const limit = isTerminating(p)
        ? `${describeDuration(graceMs)}, grace-timeout`
        : `${describeDuration(drainMs)}, drain-timeout`;
      return `${podName(p)}: ${why} (${describeDuration(patience.waited(p, now))} of ${limit})`;
    });
    return { waiting: `${count(pods.length, 'pod')} left: ${names(words, 3)}` };
  };

  /** The nodes of these pods are left out, or everything ends here. */
  const giveUp = async (stuck: readonly Pod[], hopeless: boolean): Promise<void> => {
    if (settings.onBlocked !== 'skip') {
      const timeout = stuck.every(isTerminating)
        ? `${describeDuration(graceMs)} (grace-timeout)`
        : `${describeDuration(drainMs)} (drain-timeout)`;
      const after = hopeless ? '' : ` after ${timeout}`;
      const lines = await adviceFor(context, await left(), patience, answers);
      throw new DrainFailed(
        `Cannot drain ${names(nodes)}${after}:\n${lines.map((l) => `  - ${l.text}`).join('\n')}`,
      );
    }
    const lines = await adviceFor(context, stuck, patience, answers);
    leaveOut(
      nodes
        .filter((n) => stuck.some((p) => p.spec.nodeName === n))
        .map((node) => ({ node, why: lines.filter((l) => l.node === node).map((l) => l.text) })),
    );
  };

  /** On these nodes nothing more is tried, or everything ends here. */
  const leaveOut = (given: readonly SkippedNode[]): void => {
    if (settings.onBlocked !== 'skip') {
      const lines = [...new Set(given.flatMap((g) => g.why))];
      throw new DrainFailed(
        `Cannot drain ${names(given.map((g) => g.node))}:\n${lines.map((l) => `  - ${l}`).join('\n')}`,
        given.map((g) => g.node),
      );
    }
    for (const { node, why } of given)
      say(`Node ${node} is left out (on-blocked: skip), and the next run tries it again:\n${why.join('\n')}`);
    skipped.push(...given);
    nodes = nodes.filter((n) => !skipped.some((s) => s.node === n));
  };

  // Each pod has its own patience, and critical ones their turn after all others.
  const timeoutMs = 2 * (drainMs + graceMs) + (first?.longestMs ?? 0);
  try {
    await waitUntil(look, {
      what: `the pods of ${names(wave)} to leave`,
      timeoutName: 'twice drain-timeout and grace-timeout',
      expectedMs: context.expected?.drain,
      timeoutMs,
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
    const lines = await adviceFor(context, await left(), patience, answers);
    throw new DrainFailed(
      `${error.message.slice(0, error.message.indexOf(':'))}:\n${lines.map((l) => `  - ${l.text}`).join('\n')}`,
    );
  }
  return { hanging, skipped };
}

/** Where a rotation notes which pods it deleted past their budgets, for the summary. */
export const forcedNote = 'forced';

/** With on-blocked: force, deletes those that may be; returns the others. */
async function forceThrough(context: Context, blocked: readonly Pod[], answers: Answers): Promise<Pod[]> {
  const { kubernetes, clock, journal, settings, say } = context;
  if (settings.onBlocked !== 'force') return [...blocked];
  const others: Pod[] = [];
  for (const pod of blocked) {
    const { namespace = '', name, uid = '', resourceVersion } = pod.metadata;
    const answer = answers.get(uid)?.answer;
    if (isTerminating(pod) || !mayForce(pod, answer, clock.now(), settings.forceUnreadyMs)) {
      others.push(pod);
      continue;
    }
    const unready = describeDuration(clock.now() - (unreadySince(pod) ?? 0));
    const line = `Pod ${podName(pod)} was deleted past its budget (on-blocked: force): it had not been ready for ${unready}, and ${messageOf(answer)}`;
    const before = (journal.noted(forcedNote) as Record<string, string> | undefined) ?? {};
    await journal.note(forcedNote, { ...before, [uid]: line });
    // Exactly the pod that was looked at: had it become ready since, it would be another version.
    const preconditions = { uid, ...(resourceVersion ? { resourceVersion } : {}) };
    const deleted = await kubernetes
      .remove('pods', { namespace, name }, { ...preconditions, gracePeriodSeconds: graceOf(pod) })
      .catch((error) => {
        if (error instanceof KubernetesError && error.status === 409) return false;
        throw error;
      });
    if (deleted) say(`${line}.`);
    else await journal.note(forcedNote, before);
  }
  return others;
}

/** What the Eviction API would say. */
function noRoom({ metadata, status }: PodDisruptionBudget): EvictionAnswer {
  const numbers = `needs ${status?.desiredHealthy} healthy pods and has ${status?.currentHealthy}`;
  return { kind: 'budget', message: `The disruption budget ${metadata.name} ${numbers} currently` };
}

/** A watch may not have told yet. */
const isAskedAway = (answer: Answer | undefined): boolean =>
  answer?.kind === 'accepted' || answer?.kind === 'gone';

const waitsForAnother: ReadonlySet<Answer['kind']> = new Set([
  'budget',
  'held-back',
  'several-budgets',
  'refused',
]);

/** A Node that was deleted comes back without our taint, and would take the very pods that leave it. */
async function keepClosed(context: Context, nodes: readonly string[]): Promise<void> {
  const open = (await context.kubernetes.list('nodes')).items
    .filter((n) => nodes.includes(n.metadata.name) && !n.spec.unschedulable)
    .filter((n) => !n.spec.taints?.some((t) => t.key === taintKey && t.effect === 'NoSchedule'))
    .map((n) => n.metadata.name);
  if (open.length === 0) return;
  context.say(`The taint of ${names(open)} is gone, as after a Node was deleted; setting it again.`);
  await taint(context, open, 'NoSchedule');
}

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
