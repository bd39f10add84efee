import type { Condition, ContainerStatus, Pod } from '../../cluster/objects.ts';
import { rfc3339 } from '../../cluster/times.ts';
import { names } from '../../text.ts';
import { sameJson } from '../kubernetes/json.ts';

export interface Observed {
  phase: 'Running' | 'Succeeded' | 'Failed';
  address: string;
  hostAddress: string;
  startTime: string;
  now: number;
  containers: ContainerStatus[];
}

/**
 * Writes what the kubelet sees into the pod's status. What says the same already stays exactly as it is, with the times and
 * fields that others gave it: two writers that each correct the other's wording would never end.
 */
export function writeStatus(draft: Pod, seen: Observed): void {
  const time = rfc3339(seen.now);
  const before = draft.status?.conditions ?? [];
  const condition = (type: string, failing: Pick<Condition, 'reason' | 'message'> | undefined): Condition => {
    const status = failing ? 'False' : 'True';
    const old = before.find((c) => c.type === type);
    const since = old?.status === status ? (old.lastTransitionTime ?? time) : time;
    const now = { type, status, ...failing, lastTransitionTime: since } as const;
    return old && saysAlready(old, now) ? old : now;
  };
  const containers = containersFailing(seen);
  const own = new Set(['Initialized', 'ContainersReady', 'Ready']);
  draft.status = {
    ...draft.status,
    phase: seen.phase,
    podIP: seen.address,
    podIPs: [{ ip: seen.address }],
    hostIP: seen.hostAddress,
    startTime: seen.startTime,
    conditions: [
      ...before.filter((c) => !own.has(c.type)),
      condition('Initialized', undefined),
      condition('ContainersReady', containers),
      condition('Ready', containers ?? gatesFailing(draft)),
    ],
    containerStatuses: seen.containers.map((now) => {
      const old = draft.status?.containerStatuses?.find((c) => c.name === now.name);
      return old && saysAlready(old, now) ? old : now;
    }),
  };
}

/** Whether everything in `now` stands in `old`, which may have more. */
function saysAlready(old: object, now: object): boolean {
  const present = old as Record<string, unknown>;
  return Object.entries(now).every(([key, value]) => sameJson(present[key] ?? undefined, value));
}

/** Reasons and words as in pkg/kubelet/status/generate.go. */
function containersFailing(seen: Observed): Pick<Condition, 'reason' | 'message'> | undefined {
  if (seen.phase === 'Succeeded') return { reason: 'PodCompleted' };
  if (seen.phase === 'Failed') return { reason: 'PodFailed' };
  const unready = seen.containers.filter((c) => !c.ready).map((c) => c.name);
  if (unready.length === 0) return undefined;
  return { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
}

function gatesFailing(pod: Pod): Pick<Condition, 'reason' | 'message'> | undefined {
  const closed = (pod.spec.readinessGates ?? [])
    .map((gate) => gate.conditionType)
    .filter((type) => !pod.status?.conditions?.some((c) => c.type === type && c.status === 'True'));
  if (closed.length === 0) return undefined;
  return {
    reason: 'ReadinessGatesNotReady',
    message: `the status of these gates is not "True": ${names(closed)}`,
  };
}
