import { untolerated } from '../../../cluster/taints.ts';
import type { Filter } from '../snapshot.ts';

const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

/** Cordoned nodes and NoSchedule or NoExecute taints that the pod does not tolerate. */
export const taints: Filter = (pod, { node }) => {
  if (node.spec.unschedulable && untolerated(pod.spec, [unschedulable], ['NoSchedule']).length > 0)
    return 'node(s) were unschedulable';
  const [taint] = untolerated(pod.spec, node.spec.taints ?? [], ['NoSchedule', 'NoExecute']);
  return taint ? `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}` : undefined;
};
