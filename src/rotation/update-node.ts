import type { Clock } from '../clock.ts';
import type { Node } from '../cluster/objects.ts';
import { optimistically } from '../cluster/optimistic.ts';
import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';

/**
 * Changes a node by read and replace with its resourceVersion: `spec.taints` is one atomic list, so a patch could wipe a
 * taint that somebody else just set. A node that is gone needs no change.
 */
export async function updateNode(
  kubernetes: Kubernetes,
  clock: Clock,
  name: string,
  change: (node: Node) => boolean,
): Promise<void> {
  await optimistically(clock, async () => {
    const node = await kubernetes.get('nodes', { name });
    if (!node || !change(node)) return;
    try {
      await kubernetes.update('nodes', node);
    } catch (error) {
      if (!(error instanceof KubernetesError && error.status === 404)) throw error;
    }
  });
}
