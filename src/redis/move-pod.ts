import type { Pod } from '../cluster/objects.ts';
import { podName } from '../cluster/pods.ts';
import { waitUntil } from '../wait.ts';
import { isServing, type MigrationContext, type Moved, waiting } from './context.ts';

const pollMs = 200;

/**
 * Evicts a pod and waits until its successor of the same name serves on a node that stays. The caller has made sure that
 * nothing is lost by it; the budget is asked again here, by the Eviction API.
 */
export async function movePod(context: MigrationContext, pod: Pod, role: Moved['role']): Promise<Pod> {
  const { kubernetes, clock, say } = context;
  const { namespace = '', name, uid = '' } = pod.metadata;
  const started = clock.now();
  say(`Moving ${role} ${podName(pod)} off ${pod.spec.nodeName}.`);
  await waitUntil(
    async () => {
      const answer = await kubernetes.evict({ namespace, name, uid });
      if (answer.kind === 'accepted' || answer.kind === 'gone') return { done: true };
      return { waiting: answer.message };
    },
    waiting(context, `the eviction of ${podName(pod)}`, 'pod', pollMs),
  );
  const successor = await waitUntil(
    async () => {
      const now = await kubernetes.get('pods', { namespace, name });
      if (!now || now.metadata.uid === uid)
        return { waiting: now ? 'the old pod is still terminating' : 'the new pod is not there yet' };
      if (!isServing(now)) return { waiting: why(now) };
      return { done: now };
    },
    waiting(context, `${podName(pod)} to be back`, 'pod', pollMs),
  );
  if (context.nodes.has(successor.spec.nodeName ?? '')) {
    throw new Error(
      `${podName(pod)} came back on ${successor.spec.nodeName}, which will leave. It tolerates the taint eks-rolling; remove that toleration, then run the workflow again.`,
    );
  }
  const seconds = Math.round((clock.now() - started) / 1000);
  context.onMoved({
    pod: podName(pod),
    role,
    from: pod.spec.nodeName ?? '',
    to: successor.spec.nodeName ?? '',
    seconds,
  });
  return successor;
}

function why(pod: Pod): string {
  const scheduling = pod.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False');
  return (
    scheduling?.message ??
    `it is ${pod.status?.phase ?? 'Pending'} and not ready on ${pod.spec.nodeName ?? 'no node'}`
  );
}
