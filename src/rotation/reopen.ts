import { nodesOf } from '../cluster/members.ts';
import { AwsError } from '../cluster/ports.ts';
import type { Context } from './context.ts';
import { removeMarks } from './taints.ts';
import { lookAround } from './view.ts';

/**
 * Takes our marks off every node, other than those whose instances are on their way out: no instance comes back from
 * Terminating (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html), however long a lifecycle
 * hook holds it there, and what moved onto its node would end with it. Returns the nodes.
 */
export async function reopenNodes(context: Context): Promise<string[]> {
  const { members } = await lookAround(context, context.settings.select, { fresh: true }).catch((error) => {
    // Without AWS the marks come off all the same.
    if (!(error instanceof AwsError)) throw error;
    return { members: [] };
  });
  const ends = nodesOf(members.filter((m) => m.state === 'leaving'));
  if (ends.length === 0) return removeMarks(context);
  const nodes = (await context.kubernetes.list('nodes')).items.map((n) => n.metadata.name);
  return removeMarks(
    context,
    nodes.filter((name) => !ends.includes(name)),
  );
}
