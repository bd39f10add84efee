import type { Pod } from '../../cluster/objects.ts';
import { ownerOf, podName } from '../../cluster/pods.ts';
import { KubernetesError } from '../../cluster/ports.ts';
import { waitUntil } from '../../wait.ts';
import { isServing, type MigrationContext, waiting } from '../context.ts';
import { ofRedisLabel, type RedisTarget } from '../settings.ts';

/** Marks a temporary pod; the value is the run id. */
export const temporaryLabel = 'eks-rolling/temporary';
/** The pod whose place it takes. */
export const insteadOfLabel = 'eks-rolling/instead-of';

/**
 * A pod like the one given, for a while: same containers, no claim, no owner, none of the labels by which Services and
 * budgets select. It must be near: same zone, and never on a node that leaves.
 */
export function temporaryPodFor(
  pod: Pod,
  target: RedisTarget,
  runId: string,
  zone: string | undefined,
  leaving: readonly string[],
): Pod {
  const spec = structuredClone(pod.spec);
  const claims = new Set((spec.volumes ?? []).filter((v) => v.persistentVolumeClaim).map((v) => v.name));
  spec.volumes = (spec.volumes ?? []).map((v) => (claims.has(v.name) ? { name: v.name, emptyDir: {} } : v));
  delete spec.nodeName;
  delete spec.hostname;
  delete spec.subdomain;
  const expressions = [
    { key: 'kubernetes.io/hostname', operator: 'NotIn' as const, values: [...leaving] },
    ...(zone ? [{ key: 'topology.kubernetes.io/zone', operator: 'In' as const, values: [zone] }] : []),
  ];
  spec.affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: expressions }],
      },
    },
  };
  delete spec.topologySpreadConstraints;
  return {
    metadata: {
      name: `${pod.metadata.name}-rolling`,
      namespace: target.namespace,
      labels: {
        [temporaryLabel]: runId,
        [insteadOfLabel]: pod.metadata.name,
        [ofRedisLabel]: target.name,
      },
    },
    spec,
  };
}

/** Creates the temporary pod of `pod`, or finds the one that an earlier process created, and waits until it serves. */
export async function ensureTemporaryPod(
  context: MigrationContext,
  pod: Pod,
  target: RedisTarget,
): Promise<Pod> {
  const { kubernetes, say, journal } = context;
  if (ownerOf(pod)?.kind !== 'StatefulSet')
    throw new Error(
      `${podName(pod)} is not of a StatefulSet, so nothing would bring it back after it left. Move it by hand.`,
    );
  const node = await kubernetes.get('nodes', { name: pod.spec.nodeName ?? '' });
  const wanted = temporaryPodFor(
    pod,
    target,
    journal.runId,
    node?.metadata.labels?.['topology.kubernetes.io/zone'],
    [...context.nodes],
  );
  await kubernetes.create('pods', wanted).then(
    () => say(`Started ${podName(wanted)} to stand in for ${podName(pod)}.`),
    (error) => {
      if (!(error instanceof KubernetesError && error.status === 409)) throw error;
    },
  );
  return waitUntil(
    async () => {
      const now = await kubernetes.get('pods', { namespace: target.namespace, name: wanted.metadata.name });
      if (now && isServing(now)) return { done: now };
      const scheduling = now?.status?.conditions?.find(
        (c) => c.type === 'PodScheduled' && c.status === 'False',
      );
      return { waiting: scheduling?.message ?? 'it is starting' };
    },
    waiting(context, `the temporary pod ${podName(wanted)}`, 'pod', 150),
  );
}
