import type { Pod, Taint } from '../../cluster/objects.ts';
import { isTerminating } from '../../cluster/pods.ts';
import { tolerates } from '../../cluster/taints.ts';
import { disrupt } from '../kubernetes/disruption.ts';
import type { Store } from '../kubernetes/store.ts';

/**
 * Taint-based eviction (pkg/controller/tainteviction): pods that do not tolerate a NoExecute taint go now, those that do for a
 * while go after it, counted from when the taint was first seen beside the pod.
 */
export class TaintEviction {
  readonly #store: Store;
  /** By node, then by the pod's uid: since when the pod is there with a NoExecute taint. */
  readonly #since = new Map<string, Map<string, number>>();

  constructor(store: Store) {
    this.#store = store;
  }

  evict(node: string, now: number, lookAgain: (ms: number) => void): void {
    const taints = (this.#store.get('nodes', { name: node })?.spec.taints ?? []).filter(
      (t) => t.effect === 'NoExecute',
    );
    const before = this.#since.get(node);
    this.#since.delete(node);
    if (taints.length === 0) return;
    const since = new Map<string, number>();
    this.#since.set(node, since);
    for (const pod of this.#store.list('pods', { fieldSelector: `spec.nodeName=${node}` })) {
      if (isTerminating(pod)) continue;
      const uid = pod.metadata.uid ?? '';
      const began = before?.get(uid) ?? now;
      since.set(uid, began);
      const left = began + toleratedMs(pod, taints) - now;
      if (left <= 0) this.#remove(pod, now);
      else if (Number.isFinite(left)) lookAgain(left);
    }
  }

  #remove(pod: Pod, now: number): void {
    this.#store.modify('pods', pod.metadata, (draft) => {
      disrupt(
        draft,
        'DeletionByTaintManager',
        'Taint manager: deleting due to NoExecute taint',
        new Date(now),
      );
    });
    this.#store.remove('pods', pod.metadata);
  }
}

/** How long the pod stays beside the taints: not at all unless it tolerates every one, else as long as the least patient toleration. */
function toleratedMs(pod: Pod, taints: readonly Taint[]): number {
  const waits = taints.flatMap((taint) => {
    const tolerations = (pod.spec.tolerations ?? []).filter((t) => tolerates(t, taint));
    if (tolerations.length === 0) return [0];
    return tolerations.map((t) => (t.tolerationSeconds ?? Number.POSITIVE_INFINITY) * 1000);
  });
  return Math.min(...waits);
}
