import { budgetsOf, oneMoreHelps } from '../cluster/budgets.ts';
import type { Pod, PodDisruptionBudget } from '../cluster/objects.ts';
import { isReady, isTerminating, ownerOf, podName } from '../cluster/pods.ts';
import type { EvictionAnswer } from '../cluster/ports.ts';
import { describeDuration } from '../text.ts';
import type { Context } from './context.ts';
import { leftToEnd } from './eviction-order.ts';
import type { Patience } from './patience.ts';

/** What came of asking for an eviction; `held-back` when it was not asked for, so that others of the pod are ready first. */
export type Answer = EvictionAnswer | { kind: 'held-back'; message: string };

/** By UID, because a pod of the same name elsewhere is another one. */
export type Answers = Map<string, { answer: Answer; askAgainAt: number }>;

export const messageOf = (answer: Answer | undefined): string =>
  answer && 'message' in answer ? answer.message : 'no answer yet';

/** For each pod: what holds it, for how long, and what a person can do about it. */
export async function adviceFor(
  { kubernetes, clock, settings }: Context,
  pods: readonly Pod[],
  patience: Patience,
  answers: Answers,
): Promise<{ node: string; text: string }[]> {
  const budgets = (await kubernetes.list('poddisruptionbudgets')).items;
  return pods.map((pod) => {
    const waited = describeDuration(patience.waited(pod, clock.now()));
    const why = leftToEnd(pod, settings);
    const text = why
      ? `Pod ${podName(pod)} has not ended by itself for ${waited}, and is not evicted: ${why}. Wait until it has, or allow its eviction, then run the workflow again.`
      : advice(pod, answers.get(pod.metadata.uid ?? '')?.answer, budgetsOf(pod, budgets), waited);
    return { node: pod.spec.nodeName ?? '', text };
  });
}

function advice(
  pod: Pod,
  answer: Answer | undefined,
  budgets: PodDisruptionBudget[],
  waited: string,
): string {
  const owner = ownerOf(pod);
  const workload = owner ? `${owner.kind} ${owner.name}` : 'it';
  const budget = budgets
    .map((b) => `PodDisruptionBudget ${b.metadata.namespace}/${b.metadata.name}`)
    .join(' and ');
  const about = `Pod ${podName(pod)}`;
  if (isTerminating(pod))
    return `${about} is terminating, for ${waited} so far, and has not ended. Look at its finalizers and at what its containers do on SIGTERM.`;
  switch (answer?.kind) {
    case 'budget':
      return `${about} is held by ${budget}, for ${waited}: ${answer.message}. ${remedyFor(pod, workload, budgets)}, then run the workflow again.`;
    case 'several-budgets':
      return `${about} is selected by ${budget}; the Eviction API serves pods with one budget only. Remove all but one, then run the workflow again.`;
    case 'held-back':
      return `${about} is held back, for ${waited}: ${answer.message}. See why its other pods are not ready, or say without-budget: all-at-once, then run the workflow again.`;
    default:
      return `${about} was not evicted within ${waited}: ${messageOf(answer)}.`;
  }
}

function remedyFor(pod: Pod, workload: string, budgets: readonly PodDisruptionBudget[]): string {
  if (!isReady(pod))
    return 'The pod is not ready: repair it, or let its budget go without it (unhealthyPodEvictionPolicy: AlwaysAllow), or delete it with on-blocked: force';
  const helps = budgets.every((b) => oneMoreHelps(b, b.status?.expectedPods ?? 1));
  return `${helps ? `Give ${workload} one replica more, or let the budget` : 'Let the budget'} allow one disruption (maxUnavailable: 1)`;
}
