import type { Clock } from '../clock.ts';
import type { Node } from '../cluster/objects.ts';
import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';

const attempts = 20;
const pauseMs = 100;

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
  for (let n = 1; ; n++) {
    const node = await kubernetes.get('nodes', { name });
    if (!node || !change(node)) return;
    try {
      await kubernetes.update('nodes', node);
      return;
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return;
      if (!(error instanceof KubernetesError && error.status === 409) || n >= attempts) throw error;
      await clock.sleep(pauseMs);
    }
  }
}
