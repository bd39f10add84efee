import type { Condition, Pod } from '../../cluster/objects.ts';

export interface Observed {
  phase: NonNullable<Pod['status']>['phase'];
  ready: boolean;
  address: string;
  hostAddress: string;
  restarts: number;
  startedAt: number;
  now: number;
}

/** Writes what the kubelet sees into the pod's status, keeping the transition times of conditions that did not change. */
export function writeStatus(draft: Pod, seen: Observed): void {
  const time = new Date(seen.now).toISOString();
  const before = draft.status?.conditions ?? [];
  const condition = (type: string, holds: boolean): Condition => {
    const status = holds ? 'True' : 'False';
    const old = before.find((c) => c.type === type);
    return {
      type,
      status,
      lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? time) : time,
    };
  };
  const gates = (draft.spec.readinessGates ?? []).every((g) =>
    before.some((c) => c.type === g.conditionType && c.status === 'True'),
  );
  const own = new Set(['Initialized', 'ContainersReady', 'Ready']);
  draft.status = {
    ...draft.status,
    phase: seen.phase ?? 'Pending',
    podIP: seen.address,
    podIPs: [{ ip: seen.address }],
    hostIP: seen.hostAddress,
    startTime: new Date(seen.startedAt).toISOString(),
    conditions: [
      ...before.filter((c) => !own.has(c.type)),
      condition('Initialized', true),
      condition('ContainersReady', seen.ready),
      condition('Ready', seen.ready && gates),
    ],
    containerStatuses: draft.spec.containers.map((c) => ({
      name: c.name,
      ...(c.image ? { image: c.image } : {}),
      ready: seen.ready,
      restartCount: seen.restarts,
      state:
        seen.phase === 'Running' ? { running: { startedAt: new Date(seen.startedAt).toISOString() } } : {},
    })),
  };
}
