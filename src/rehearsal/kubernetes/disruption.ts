import type { Pod } from '../../cluster/objects.ts';
import { rfc3339 } from '../../cluster/times.ts';

/** Says on a pod why the control plane is about to delete it (https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions). */
export function disrupt(draft: Pod, reason: string, message: string, now: Date): void {
  const others = (draft.status?.conditions ?? []).filter((c) => c.type !== 'DisruptionTarget');
  const target = { type: 'DisruptionTarget', status: 'True' as const, reason, message };
  draft.status = {
    ...draft.status,
    conditions: [...others, { ...target, lastTransitionTime: rfc3339(now.getTime()) }],
  };
}
