import type { Deployment, Pod } from '../cluster/objects.ts';
import { matchesSelector } from '../cluster/selectors.ts';
import type { Journal } from '../journal/journal.ts';
import { replicasKey } from './cluster-autoscaler.ts';
import type { Context } from './context.ts';
import { surgedEntries } from './scale-back.ts';
import type { SurgeDecision } from './surge-decision.ts';

/** The replicas of a Deployment when no run has surged it: the journal knows, even if a killed run only wrote that it would. */
export function usualReplicas(journal: Pick<Journal, 'outstanding'>, { metadata, spec }: Deployment): number {
  const entry = surgedEntries(journal).find(
    (e) => e.namespace === metadata.namespace && e.name === metadata.name,
  );
  return entry?.usual ?? spec.replicas ?? 1;
}

/** Whether the pod is one of the Deployment's. */
export const isOf = ({ metadata, spec }: Deployment, pod: Pod): boolean =>
  pod.metadata.namespace === metadata.namespace && matchesSelector(spec.selector, pod.metadata.labels);

/**
 * Asks for one replica more, the old value in the journal first: of the Deployment, or of the autoscaler that would overwrite
 * it there (it keeps to minReplicas even without metrics: pkg/controller/podautoscaler/horizontal.go).
 * @param present what is there now; the decision knows the usual replicas
 */
export async function scaleUp(
  { kubernetes, journal, say }: Pick<Context, 'kubernetes' | 'journal' | 'say'>,
  { deployment, autoscaler, why }: SurgeDecision,
  present: Deployment | undefined,
): Promise<void> {
  const { namespace = '', name } = deployment.metadata;
  const usual = deployment.spec.replicas ?? 1;
  const because =
    why === 'blocked'
      ? `because its budget allows no eviction with ${usual}`
      : 'because its only pod has to leave';
  if (autoscaler) {
    const { minReplicas } = autoscaler.spec;
    if ((minReplicas ?? 1) > usual) return;
    const ref = { namespace, name: autoscaler.metadata.name };
    await journal.before(`autoscaler/${namespace}/${ref.name}/min-replicas`, {
      minReplicas: minReplicas ?? null,
      replicas: usual,
      deployment: name,
    });
    await kubernetes.patch('horizontalpodautoscalers', ref, {
      type: 'merge',
      body: { spec: { minReplicas: usual + 1 } },
    });
    say(
      `Deployment ${namespace}/${name} gets one replica more from HorizontalPodAutoscaler ${ref.name}, ${because}.`,
    );
    return;
  }
  if ((present?.spec.replicas ?? 1) > usual) return;
  await journal.before(replicasKey(deployment), usual);
  await kubernetes.patch(
    'deployments',
    { namespace, name },
    { type: 'merge', body: { spec: { replicas: usual + 1 } } },
  );
  say(`Deployment ${namespace}/${name} gets one replica more, ${because}.`);
}
