import { isFinished, isTerminating, podName } from '../../cluster/pods.ts';
import { type Check, failed } from '../check.ts';

/** No pod waits for a place, and none crashes: both would be blamed on the rotation, and hold budgets shut. */
export const podsSettled: Check = {
  id: 'pods-settled',
  title: 'Pods have settled',
  phases: ['preflight', 'between', 'postflight'],
  needs: ['pods'],
  run: ({ pods }) =>
    pods
      .filter((p) => !isFinished(p) && !isTerminating(p))
      .flatMap((p) => {
        const unscheduled = p.status?.conditions?.find(
          (c) => c.type === 'PodScheduled' && c.status === 'False',
        );
        const crashing = p.status?.containerStatuses?.find(
          (c) => c.state?.waiting?.reason === 'CrashLoopBackOff',
        );
        if (unscheduled)
          return [
            failed(
              `Pod ${podName(p)}`,
              `Not scheduled: ${unscheduled.message}. It needs room or other constraints.`,
            ),
          ];
        return crashing
          ? [
              failed(
                `Pod ${podName(p)}`,
                `Container ${crashing.name} crashes (${crashing.restartCount} restarts). Look at its log.`,
              ),
            ]
          : [];
      }),
};
