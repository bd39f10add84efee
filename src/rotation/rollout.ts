import { budgetsOf, oneMoreHelps, steadyAllowance } from '../cluster/budgets.ts';
import type { Deployment, Pod, PodDisruptionBudget, ReplicaSet } from '../cluster/objects.ts';
import { ownerOf } from '../cluster/pods.ts';
import { matchesSelector } from '../cluster/selectors.ts';
import { describeDuration } from '../text.ts';
import { pause, waitUntil } from '../wait.ts';
import { replicasKey } from './cluster-autoscaler.ts';
import type { Context } from './context.ts';
import { staysBecause } from './drain.ts';

/** Deployments whose budget would refuse every eviction, though one replica more would let it allow one. */
export function deploymentsToSurge(
  pods: readonly Pod[],
  budgets: readonly PodDisruptionBudget[],
  replicaSets: readonly ReplicaSet[],
  deployments: readonly Deployment[],
): Deployment[] {
  const found = new Map<string, Deployment>();
  for (const pod of pods) {
    const deployment = deploymentOf(pod, replicaSets, deployments);
    if (!deployment || staysBecause(pod)) continue;
    const own = budgetsOf(pod, budgets);
    const held = own.some((b) => steadyAllowance(b, deployment.spec.replicas ?? 1) <= 0);
    if (held && canSurge(deployment, pod, own)) found.set(deployment.metadata.uid ?? '', deployment);
  }
  return [...found.values()];
}

export function deploymentOf(
  pod: Pod,
  replicaSets: readonly ReplicaSet[],
  deployments: readonly Deployment[],
): Deployment | undefined {
  const set = replicaSets.find((r) => r.metadata.uid === ownerOf(pod)?.uid);
  const parent = set?.metadata.ownerReferences?.find((o) => o.controller);
  return deployments.find((d) => d.metadata.uid === parent?.uid);
}

/**
 * Whether one replica more for a moment lets the pod go. Two pods at once must be allowed: a Recreate strategy says no, and
 * a volume may let only one have it. And it must change what its budgets allow.
 */
export function canSurge(deployment: Deployment, pod: Pod, budgets: readonly PodDisruptionBudget[]): boolean {
  const { replicas = 1, strategy, paused } = deployment.spec;
  const claims = (pod.spec.volumes ?? []).some((v) => v.persistentVolumeClaim);
  return (
    strategy?.type !== 'Recreate' && !claims && !paused && budgets.every((b) => oneMoreHelps(b, replicas))
  );
}

/**
 * Gives each of these Deployments one replica more for the time of the drain, so that its budget allows the eviction; the
 * old count is in the journal first and `putBack` restores it.
 */
export async function surgeDeployments(context: Context, nodes: readonly string[]): Promise<Deployment[]> {
  const { kubernetes, journal, clock, signal, settings, say } = context;
  const [pods, budgets, replicaSets, deployments] = await Promise.all([
    kubernetes.list('pods'),
    kubernetes.list('poddisruptionbudgets'),
    kubernetes.list('replicasets'),
    kubernetes.list('deployments'),
  ]);
  const leaving = pods.items.filter((p) => nodes.includes(p.spec.nodeName ?? ''));
  // A killed run may have surged one already, or only have written that it would: the journal knows the usual count.
  const usual = deployments.items.map((d) => ({
    ...d,
    spec: { ...d.spec, replicas: usualReplicas(context, d) },
  }));
  const held = deploymentsToSurge(leaving, budgets.items, replicaSets.items, usual);
  for (const deployment of held) {
    const { namespace = '', name } = deployment.metadata;
    const replicas = deployment.spec.replicas ?? 1;
    const present = deployments.items.find((d) => d.metadata.uid === deployment.metadata.uid);
    if ((present?.spec.replicas ?? 1) > replicas) continue;
    await journal.before(replicasKey(deployment), replicas);
    await kubernetes.patch(
      'deployments',
      { namespace, name },
      { type: 'merge', body: { spec: { replicas: replicas + 1 } } },
    );
    say(
      `Deployment ${namespace}/${name} gets one replica more, because its budget allows no eviction with ${replicas}.`,
    );
  }
  for (const deployment of held) {
    const { namespace = '', name } = deployment.metadata;
    const wanted = (deployment.spec.replicas ?? 1) + 1;
    await waitUntil(
      async () => {
        const now = await kubernetes.get('deployments', { namespace, name });
        const ready = now?.status?.readyReplicas ?? 0;
        return ready >= wanted ? { done: true } : { waiting: `${ready} of ${wanted} ready` };
      },
      {
        what: `the additional replica of Deployment ${namespace}/${name}`,
        timeoutName: 'drain-timeout',
        timeoutMs: settings.timeouts.drain,
        pollMs: 250,
        say,
        clock,
        signal,
        wake: context.changed,
      },
    );
  }
  if (held.length > 0 && settings.settleMs > 0) {
    say(
      `Giving load balancers ${describeDuration(settings.settleMs)} (settle-time) to learn of the additional replicas.`,
    );
    await pause(settings.settleMs, {
      what: 'load balancers to learn of additional replicas',
      say,
      clock,
      signal,
    });
  }
  return held;
}

/** The replicas of a Deployment when no run has surged it. */
function usualReplicas({ journal }: Context, deployment: Deployment): number {
  const before = journal.valueBefore(replicasKey(deployment));
  return typeof before === 'number' ? before : (deployment.spec.replicas ?? 1);
}

/** Back to the old count once no pod of the Deployment is on a node that leaves and enough are ready elsewhere. */
export async function putBack(context: Context, nodes: readonly string[]): Promise<void> {
  const { kubernetes, journal, clock, signal, settings, say } = context;
  for (const { key, value } of journal.outstanding('deployment/')) {
    const [, namespace = '', name = ''] = key.split('/');
    const deployment = await kubernetes.get('deployments', { namespace, name });
    const replicas = deployment?.spec.replicas ?? 1;
    // Fewer than before is cluster-autoscaler, which comes back at the very end.
    if (!deployment || replicas < Number(value)) continue;
    if (replicas === Number(value)) {
      await journal.restored(key);
      continue;
    }
    await waitUntil(
      async () => {
        const pods = (await kubernetes.list('pods', { namespace })).items.filter((p) =>
          matchesSelector(deployment.spec.selector, p.metadata.labels),
        );
        const safe = pods.filter(
          (p) =>
            !nodes.includes(p.spec.nodeName ?? '') &&
            p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
        );
        return safe.length >= Number(value)
          ? { done: true }
          : { waiting: `${safe.length} of ${value} ready on nodes that stay` };
      },
      {
        what: `Deployment ${namespace}/${name} to be safe elsewhere`,
        timeoutName: 'drain-timeout',
        timeoutMs: settings.timeouts.drain,
        pollMs: 250,
        say,
        clock,
        signal,
        wake: context.changed,
      },
    );
    await kubernetes.patch(
      'deployments',
      { namespace, name },
      { type: 'merge', body: { spec: { replicas: value } } },
    );
    await journal.restored(key);
    say(`Deployment ${namespace}/${name} is back to ${value}.`);
  }
}
