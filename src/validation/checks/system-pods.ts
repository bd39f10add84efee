import { isFinished, isReady, isTerminating } from '../../cluster/pods.ts';
import { type Check, failed } from '../check.ts';

/** What every node and every pod depends on works. */
export const systemPods: Check = {
  id: 'system-pods',
  title: 'kube-system works',
  phases: ['preflight', 'between', 'postflight'],
  needs: ['pods', 'daemonSets'],
  run: ({ pods, daemonSets }) => [
    ...pods
      .filter(
        (p) => p.metadata.namespace === 'kube-system' && !isFinished(p) && !isTerminating(p) && !isReady(p),
      )
      .map((p) =>
        failed(
          `Pod kube-system/${p.metadata.name}`,
          `Not ready (phase ${p.status?.phase ?? 'unknown'}), expected ready. Look at kubectl describe pod and its log.`,
        ),
      ),
    ...daemonSets
      .filter((d) => (d.status?.numberReady ?? 0) < (d.status?.desiredNumberScheduled ?? 0))
      .map((d) =>
        failed(
          `DaemonSet ${d.metadata.namespace}/${d.metadata.name}`,
          `${d.status?.numberReady ?? 0} of ${d.status?.desiredNumberScheduled} pods are ready. New nodes would wait for it.`,
        ),
      ),
  ],
};
