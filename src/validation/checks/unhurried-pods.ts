import { podName } from '../../cluster/pods.ts';
import { leftToEnd } from '../../rotation/eviction-order.ts';
import { type Check, warning } from '../check.ts';
import { drainable } from '../drainable.ts';

/** Pods that end when they want: a drain waits for them, by default, for no longer than its drain-timeout. */
export const unhurriedPods: Check = {
  id: 'unhurried-pods',
  title: 'No drain waits for a pod to end by itself',
  phases: ['preflight'],
  needs: ['pods', 'members'],
  run: (view) =>
    drainable(view).flatMap((pod) => {
      const why = leftToEnd(pod, { jobs: 'wait', protectedPods: 'wait' });
      return why
        ? [
            warning(
              `Pod ${podName(pod)}`,
              `It is not evicted: ${why}. The drain of its node fails unless it ends within drain-timeout; evict instead of wait lets it go at once.`,
            ),
          ]
        : [];
    }),
};
