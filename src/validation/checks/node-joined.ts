import { instanceIdOf } from '../../cluster/members.ts';
import { type Check, type Finding, failed, warning } from '../check.ts';

/** Instances of the groups and nodes of the cluster agree. */
export const nodeJoined: Check = {
  id: 'node-joined',
  title: 'Instances and nodes agree',
  phases: ['preflight', 'between', 'postflight'],
  needs: ['members', 'nodes'],
  run: ({ members, nodes }) => {
    const findings: Finding[] = members
      .filter((m) => m.state === 'orphaned')
      .map((m) =>
        failed(
          `Instance ${m.instanceId}`,
          `In service in ${m.group}, but no Node has it as its spec.providerID. Look at its bootstrap log, or terminate it so that the group replaces it.`,
        ),
      );
    for (const node of nodes.filter((n) => !instanceIdOf(n))) {
      const found = node.spec.providerID ?? 'none';
      findings.push(
        warning(
          `Node ${node.metadata.name}`,
          `spec.providerID is ${found}, expected aws:///<zone>/<instance>; this node is never replaced.`,
        ),
      );
    }
    return findings;
  },
};
