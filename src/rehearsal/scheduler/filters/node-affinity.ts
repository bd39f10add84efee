import { matchesNodeSelection } from '../../../cluster/node-selection.ts';
import type { Filter } from '../snapshot.ts';

export const nodeAffinity: Filter = (pod, { node }) =>
  matchesNodeSelection(pod.spec, node) ? undefined : "node(s) didn't match Pod's node affinity/selector";
