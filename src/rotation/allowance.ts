import { budgetsOf } from '../cluster/budgets.ts';
import type { Pod, PodDisruptionBudget } from '../cluster/objects.ts';
import { isReady } from '../cluster/pods.ts';

/** A budget without room is asked all the same this often: its status may be out of date. */
const probeMs = 10_000;

/**
 * Chooses whom to evict now: of each budget as many as its status allows, because every other request would only be refused
 * (https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/). Pods that are not ready may go without room, depending
 * on the budget's unhealthyPodEvictionPolicy, and a pod with several budgets is for the API server to refuse.
 */
export class Allowance {
  /** When a pod of a budget was last asked to leave, by the UID of the budget. */
  readonly #asked = new Map<string, number>();

  /** Splits the pods into those to ask now, and those whose budget has no room. */
  split(
    pods: readonly Pod[],
    budgets: readonly PodDisruptionBudget[],
    now: number,
  ): { ask: Pod[]; held: { pod: Pod; budget: PodDisruptionBudget }[] } {
    const room = new Map<string, number>();
    const ask: Pod[] = [];
    const held: { pod: Pod; budget: PodDisruptionBudget }[] = [];
    for (const pod of pods) {
      const [budget, ...others] = budgetsOf(pod, budgets);
      const { uid = '' } = budget?.metadata ?? {};
      const allowed = budget ? allowedNow(budget) : undefined;
      if (!budget || others.length > 0 || allowed === undefined || !isReady(pod)) {
        ask.push(pod);
        continue;
      }
      const left = room.get(uid) ?? allowed;
      const probes = !room.has(uid) && now - (this.#asked.get(uid) ?? Number.NEGATIVE_INFINITY) >= probeMs;
      room.set(uid, left - 1);
      if (left > 0 || probes) {
        this.#asked.set(uid, now);
        ask.push(pod);
      } else held.push({ pod, budget });
    }
    return { ask, held };
  }
}

/** Undefined while the status is about an older budget, or there is none yet. */
function allowedNow({ metadata, status }: PodDisruptionBudget): number | undefined {
  if (status?.disruptionsAllowed === undefined) return undefined;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return undefined;
  return status.disruptionsAllowed;
}
