import { nodeReady } from '../../cluster/members.ts';
import { type Check, failed } from '../check.ts';

/** Every node is ready: a node that is not cannot take the pods of the ones that leave. */
export const nodeReadyCheck: Check = {
  id: 'node-ready',
  title: 'Nodes are ready',
  phases: ['preflight', 'between', 'postflight'],
  needs: ['nodes'],
  run: ({ nodes }) =>
    nodes
      .filter((node) => !nodeReady(node))
      .map((node) => {
        const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
        const found = ready ? `${ready.status} (${ready.reason ?? 'no reason given'})` : 'missing';
        return failed(
          `Node ${node.metadata.name}`,
          `Condition Ready is ${found}, expected True. Look at its kubelet, or terminate its instance so that the group replaces it.`,
        );
      }),
};
