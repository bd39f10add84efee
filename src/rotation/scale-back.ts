import type { Deployment, Pod } from '../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../cluster/pods.ts';
import { matchesSelector } from '../cluster/selectors.ts';
import type { Journal } from '../journal/journal.ts';
import { waitUntil } from '../wait.ts';
import type { Context } from './context.ts';

/** A Deployment whose replicas this run has changed, as the journal has it. */
export interface SurgedEntry {
  key: string;
  namespace: string;
  name: string;
  /** Its replicas before. */
  usual: number;
  /** Where they were changed by its autoscaler. */
  autoscaler?: { name: string; minReplicas: number | null };
}

/** So long its controller may take to see that a pod was evicted; then there is no replacement to wait for (a quota, say). */
const replacementMs = 10_000;
/** So long the autoscaler may take to see its old minimum. */
const autoscalerSeesMs = 1000;
const pollMs = 250;

export function surgedEntries(journal: Pick<Journal, 'outstanding'>): SurgedEntry[] {
  const own = journal.outstanding('deployment/').flatMap(({ key, value }): SurgedEntry[] => {
    const [, namespace = '', name = ''] = key.split('/');
    return typeof value === 'number' ? [{ key, namespace, name, usual: value }] : [];
  });
  const scaled = journal.outstanding('autoscaler/').map(({ key, value }): SurgedEntry => {
    const [, namespace = '', autoscaler = ''] = key.split('/');
    const { minReplicas, replicas, deployment } = value as {
      minReplicas: number | null;
      replicas: number;
      deployment: string;
    };
    return {
      key,
      namespace,
      name: deployment,
      usual: replicas,
      autoscaler: { name: autoscaler, minReplicas },
    };
  });
  return [...own, ...scaled];
}

/**
 * What is lacking before a Deployment may have its old replicas again; undefined when nothing. Enough must be ready on nodes
 * that stay. And its ReplicaSet must have replaced the pod that left: while it still counts that one, it would take away the
 * additional one instead. Afterwards it takes those that are not ready yet, then the youngest (ActivePodsWithRanks of
 * pkg/controller/controller_utils.go), and that is right.
 */
export function notSettledBecause(
  deployment: Deployment,
  usual: number,
  pods: readonly Pod[],
  leaving: ReadonlySet<string>,
): string | undefined {
  const active = pods.filter(
    (p) =>
      matchesSelector(deployment.spec.selector, p.metadata.labels) &&
      !isTerminating(p) &&
      !isFinished(p) &&
      !leaving.has(p.spec.nodeName ?? ''),
  );
  const ready = active.filter(isReady).length;
  if (ready < usual) return `${ready} of ${usual} ready on nodes that stay`;
  return active.length > usual ? undefined : notReplaced;
}

const notReplaced = 'the pod that left has not been replaced yet';

/** @throws WaitTimeout (rollout-timeout) when too few become ready on nodes that stay. */
export async function waitUntilSettled(
  context: Context,
  { namespace, name, usual }: SurgedEntry,
  deployment: Deployment,
  leaving: ReadonlySet<string>,
  timeoutMs: number,
): Promise<void> {
  const { kubernetes, clock, signal, say } = context;
  const started = clock.now();
  await waitUntil(
    async () => {
      // Where no node leaves, a pod that was evicted a moment ago must not count any more.
      const { items } = await kubernetes.list('pods', { namespace, fresh: leaving.size === 0 });
      const waiting = notSettledBecause(deployment, usual, items, leaving);
      const given = waiting === notReplaced && clock.now() - started >= replacementMs;
      return waiting && !given ? { waiting } : { done: true };
    },
    {
      what: `Deployment ${namespace}/${name} to be safe elsewhere`,
      timeoutName: 'rollout-timeout',
      timeoutMs,
      pollMs,
      say,
      clock,
      signal,
      wake: context.changed,
    },
  );
}

/**
 * Gives a Deployment, or its autoscaler, the old value again. What somebody else has set in the meantime stays. Returns what
 * was done, in words.
 */
export async function scaleBack(
  context: Pick<Context, 'kubernetes' | 'journal' | 'clock' | 'signal'>,
  entry: SurgedEntry,
): Promise<string> {
  const { kubernetes, journal, clock, signal } = context;
  const { key, namespace, name, usual, autoscaler } = entry;
  const what = `Deployment ${namespace}/${name}`;
  if (autoscaler) {
    const { items } = await kubernetes.list('horizontalpodautoscalers', { namespace });
    const present = items.find((a) => a.metadata.name === autoscaler.name);
    if (present?.spec.minReplicas === usual + 1)
      await kubernetes.patch(
        'horizontalpodautoscalers',
        { namespace, name: autoscaler.name },
        { type: 'merge', body: { spec: { minReplicas: autoscaler.minReplicas } } },
      );
    const scales = present?.status?.conditions?.some(
      (c) => c.type === 'ScalingActive' && c.status === 'True',
    );
    if (scales) {
      await journal.restored(key);
      return `minReplicas of HorizontalPodAutoscaler ${namespace}/${autoscaler.name} back to ${autoscaler.minReplicas ?? 1}`;
    }
    // Without metrics it keeps to its bounds only, and would leave the additional replica for ever.
    await clock.sleep(autoscalerSeesMs, signal);
  }
  const deployment = await kubernetes.get('deployments', { namespace, name });
  if (!deployment) {
    await journal.restored(key);
    return `${what} is gone`;
  }
  const { replicas = 1 } = deployment.spec;
  const ours = replicas === usual + 1 || replicas === 0;
  if (ours)
    await kubernetes.patch(
      'deployments',
      { namespace, name },
      { type: 'merge', body: { spec: { replicas: usual } } },
    );
  await journal.restored(key);
  return ours || replicas === usual
    ? `${what} back to ${usual}`
    : `${what} left at ${replicas}, which somebody else has set (it had ${usual})`;
}
