import type { Deployment } from '../cluster/objects.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import { matchesSelector } from '../cluster/selectors.ts';
import { WaitTimeout, waitUntil } from '../wait.ts';
import type { Context } from './context.ts';
import { scaleBack, surgedEntries, waitUntilSettled } from './scale-back.ts';

/** So long putting back waits for a Deployment that is in trouble. */
const restorePatienceMs = 60_000;

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

/**
 * Puts back the replicas of every Deployment that the run scaled. A pod of it may just have been evicted: until that has been
 * replaced its controller might take the wrong one away.
 */
export async function restoreDeployments(context: Context): Promise<string[]> {
  const done: string[] = [];
  for (const entry of surgedEntries(context.journal)) {
    const { namespace, name, usual } = entry;
    const deployment = await context.kubernetes.get('deployments', { namespace, name });
    if ((deployment?.spec.replicas ?? 1) > usual && deployment) {
      const patience = Math.min(restorePatienceMs, context.settings.timeouts.rollout);
      await waitUntilSettled(context, entry, deployment, new Set(), patience).catch((error) => {
        // Too few are ready anyway: fewer replicas take none of those away.
        if (!(error instanceof WaitTimeout)) throw error;
      });
    }
    done.push(await scaleBack(context, entry));
  }
  return done;
}
