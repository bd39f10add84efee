import type { Deployment } from '../cluster/objects.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import { matchesSelector } from '../cluster/selectors.ts';
import { waitUntil } from '../wait.ts';
import type { Context } from './context.ts';

const nameOf = /^(aws-)?cluster-autoscaler$/;
const labels = ['app.kubernetes.io/name', 'k8s-app', 'app'];
/** The common Helm chart names it after release and chart, and labels it aws-cluster-autoscaler. */
const isAutoscaler = (d: Deployment): boolean =>
  nameOf.test(d.metadata.name) || labels.some((l) => nameOf.test(d.metadata.labels?.[l] ?? ''));

const prefix = 'deployment/';
export const replicasKey = (d: { metadata: { namespace?: string; name: string } }): string =>
  `${prefix}${d.metadata.namespace}/${d.metadata.name}/replicas`;

/** The Deployments that the setting means; none where there are none. */
export async function findAutoscalers(kubernetes: Kubernetes, setting: string): Promise<Deployment[]> {
  if (setting === 'none') return [];
  if (setting === 'auto') return autoscalersAmong((await kubernetes.list('deployments')).items, setting);
  const [namespace = '', name = ''] = setting.split('/');
  const found = await kubernetes.get('deployments', { namespace, name });
  return autoscalersAmong(found ? [found] : [], setting);
}

/** The same among all Deployments. @throws Error when the named one is not there. */
export function autoscalersAmong(deployments: readonly Deployment[], setting: string): Deployment[] {
  if (setting === 'none') return [];
  if (setting === 'auto') return deployments.filter(isAutoscaler);
  const found = deployments.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === setting);
  if (!found)
    throw new Error(
      `cluster-autoscaler: there is no Deployment ${setting}; name the one that runs it, or say none.`,
    );
  return [found];
}

/**
 * Scales cluster-autoscaler to 0 and waits until its pods are gone: it would take empty new nodes away, or change desired
 * under us. The old count is in the journal first.
 */
export async function pauseAutoscaler(context: Context): Promise<void> {
  const { kubernetes, journal, clock, signal, settings, say } = context;
  for (const deployment of await findAutoscalers(kubernetes, settings.clusterAutoscaler)) {
    const { namespace = '', name } = deployment.metadata;
    const replicas = deployment.spec.replicas ?? 1;
    if (replicas > 0) {
      await journal.before(replicasKey(deployment), replicas);
      await kubernetes.patch(
        'deployments',
        { namespace, name },
        { type: 'merge', body: { spec: { replicas: 0 } } },
      );
      say(`Paused cluster-autoscaler ${namespace}/${name} (it had ${replicas}).`);
    }
    await waitUntil(
      async () => {
        const pods = (await kubernetes.list('pods', { namespace })).items.filter((p) =>
          matchesSelector(deployment.spec.selector, p.metadata.labels),
        );
        return pods.length === 0
          ? { done: true }
          : { waiting: `${pods.map((p) => p.metadata.name).join(', ')} still there` };
      },
      {
        what: `cluster-autoscaler ${namespace}/${name} to stop`,
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
}

/** Puts back the replicas of every Deployment that the run scaled. */
export async function restoreDeployments(
  context: Pick<Context, 'kubernetes' | 'journal' | 'say'>,
): Promise<string[]> {
  const done: string[] = [];
  for (const { key, value } of context.journal.outstanding(prefix)) {
    const [, namespace = '', name = ''] = key.split('/');
    if (await context.kubernetes.get('deployments', { namespace, name })) {
      await context.kubernetes.patch(
        'deployments',
        { namespace, name },
        { type: 'merge', body: { spec: { replicas: value } } },
      );
    }
    await context.journal.restored(key);
    done.push(`Deployment ${namespace}/${name} back to ${value}`);
  }
  return done;
}
