import type { Pod } from '../../../src/cluster/objects.ts';
import { isFinished, isMirror, isOfDaemonSet, ownerOf, podName } from '../../../src/cluster/pods.ts';
import type { PeerWorld } from './world.ts';

/** As kubectl reports them. */
export class DrainError extends Error {}

const pollMs = 1000;

/**
 * kubectl's drain library (k8s.io/kubectl/pkg/drain), which kops, the two handlers and `kubectl drain` itself use: every pod by
 * its own goroutine; a full budget is asked again after `retryMs`; then the pod is asked for every second until it is gone.
 * The node has been cordoned before. Finished pods and pods of any kind of owner go, DaemonSets' and mirror pods stay.
 */
export async function drain(
  world: PeerWorld,
  node: string,
  options: { timeoutMs?: number; retryMs?: number } = {},
): Promise<void> {
  const { kubernetes, clock } = world;
  const deadline = clock.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
  const pods = (await kubernetes.list('pods', { fieldSelector: `spec.nodeName=${node}` })).items;
  // The filter for DaemonSets asks for the owner of each of their pods.
  for (const pod of pods.filter(isOfDaemonSet))
    await kubernetes.get('daemonsets', {
      namespace: pod.metadata.namespace,
      name: ownerOf(pod)?.name ?? '',
    });
  const leaving = pods.filter((p) => !isOfDaemonSet(p) && !isMirror(p));
  await Promise.all(leaving.map((pod) => evictAndWait(world, pod, deadline, options.retryMs ?? 5000)));
}

async function evictAndWait(
  { kubernetes, clock }: PeerWorld,
  pod: Pod,
  deadline: number,
  retryMs: number,
): Promise<void> {
  const { namespace = '', name, uid = '' } = pod.metadata;
  for (;;) {
    const present = await kubernetes.evict({ namespace, name, uid });
    if (present.kind === 'accepted' || present.kind === 'gone') break;
    if (present.kind !== 'budget' && present.kind !== 'namespace-terminating')
      throw new DrainError(`error when evicting pods/${podName(pod)}: ${present.kind}`);
    if (clock.now() >= deadline) throw new DrainError(`drain did not complete: ${podName(pod)}`);
    await clock.sleep(retryMs);
  }
  for (;;) {
    const now = await kubernetes.get('pods', { namespace, name });
    if (!now || now.metadata.uid !== uid || isFinished(now)) return;
    if (clock.now() >= deadline) throw new DrainError(`drain did not complete: ${podName(pod)}`);
    await clock.sleep(pollMs);
  }
}
