import type { Pod } from '../cluster/objects.ts';
import { isTerminating, ownerOf, podName } from '../cluster/pods.ts';
import { names } from '../text.ts';
import { waitUntil } from '../wait.ts';
import { ipOf, isServing, type MigrationContext, type Moved, waiting, waitPatiently } from './context.ts';

const pollMs = 200;

/**
 * Evicts a pod and waits until its successor of the same name serves on a node that stays. The caller has made sure that
 * nothing is lost by it; the budget is asked again here, by the Eviction API. `whileStarting` is called again and again once
 * the successor has an address, until it is ready.
 */
export async function movePod(
  context: MigrationContext,
  pod: Pod,
  role: Moved['role'],
  whileStarting: () => Promise<void> = async () => {},
): Promise<Pod> {
  const { kubernetes, clock, say } = context;
  const { namespace = '', name, uid = '' } = pod.metadata;
  const started = clock.now();
  say(`Moving ${role} ${podName(pod)} off ${pod.spec.nodeName}.`);
  await waitUntil(
    async () => {
      const answer = await kubernetes.evict({ namespace, name, uid });
      if (answer.kind === 'accepted' || answer.kind === 'gone') return { done: true };
      if (answer.kind === 'several-budgets' || answer.kind === 'refused')
        throw new Error(`${podName(pod)} cannot be evicted: ${answer.message}`);
      return { waiting: answer.message };
    },
    waiting(context, `the eviction of ${podName(pod)}`, 'pod', pollMs),
  );
  const successor = await waitPatiently(
    async () => {
      const now = await kubernetes.get('pods', { namespace, name });
      if (!now || now.metadata.uid === uid)
        return { waiting: now ? 'the old pod is still terminating' : 'the new pod is not there yet' };
      if (isServing(now)) return { done: now };
      if (ipOf(now) !== '' && !isTerminating(now)) await whileStarting();
      return { waiting: why(now) };
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

/** Waits until every pod that the StatefulSets behind these pods want is there and serves: a killed run may have left one on its way. */
export async function wholeAgain(
  context: MigrationContext,
  what: string,
  list: () => Promise<Pod[]>,
  whileStarting: () => Promise<void> = async () => {},
): Promise<void> {
  await waitPatiently(
    async () => {
      const pods = await list();
      const wanted = await replicasOf(context, pods);
      const late = pods.filter((pod) => !isServing(pod));
      if (pods.length === 0)
        throw new Error(`${what} has no pods; check the label queries of the redis input.`);
      if (late.length === 0 && pods.length >= wanted) return { done: true };
      if (late.some((pod) => ipOf(pod) !== '' && !isTerminating(pod))) await whileStarting();
      return {
        waiting:
          late.length > 0 ? `not ready: ${names(late.map(podName))}` : `${pods.length} of ${wanted} pods`,
      };
    },
    waiting(context, `all pods of ${what} to be ready`, 'pod', pollMs),
  );
}

/** How many pods the StatefulSets of these pods want. */
async function replicasOf({ kubernetes }: MigrationContext, pods: readonly Pod[]): Promise<number> {
  const owners = new Set(pods.map(ownerOf).flatMap((o) => (o?.kind === 'StatefulSet' ? [o.name] : [])));
  const namespace = pods[0]?.metadata.namespace ?? '';
  const sets = await Promise.all(
    [...owners].map((name) => kubernetes.get('statefulsets', { namespace, name })),
  );
  return sets.reduce((sum, set) => sum + (set?.spec.replicas ?? 0), 0);
}

function why(pod: Pod): string {
  const scheduling = pod.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False');
  return (
    scheduling?.message ??
    `it is ${pod.status?.phase ?? 'Pending'} and not ready on ${pod.spec.nodeName ?? 'no node'}`
  );
}
