import { names } from '../text.ts';
import type { Context } from './context.ts';
import { type Drained, DrainFailed, type DrainOptions, drainNodes } from './drain.ts';
import { putBack, putBackSoon, surgeDeployments } from './rollout.ts';
import { taint, untaint } from './taints.ts';
import { readWorkloads } from './workloads.ts';

/** Where the journal keeps which nodes could not be emptied: they are the last that anything else tries to empty. */
export const keptNote = 'nodes-kept';

/**
 * Moves every pod that has to leave off these nodes: the Deployments that eviction would interrupt get one replica more, and
 * their pods leave when that serves; all others are evicted meanwhile; then the replicas are as before. Nodes that are left out
 * (on-blocked: skip) take pods again.
 * @param onEmpty is told of each node that is empty, while others may not be yet
 * @throws DrainFailed.
 */
export async function emptyNodes(
  context: Context,
  nodes: readonly string[],
  onEmpty?: DrainOptions['onEmpty'],
): Promise<Drained> {
  const workloads = await readWorkloads(context.kubernetes);
  const additional = await surgeDeployments(context, nodes, workloads);
  const { deployments } = additional;
  context.say(`Evicting the pods of ${names(nodes)}.`);
  const { hanging, skipped } = await drainNodes(context, nodes, {
    first: additional,
    onEmpty,
    onLook: (present) => putBackSoon(context, deployments, nodes, present),
    // Those that have one replica more now are read anew.
    ...(deployments.length === 0 ? { owners: workloads } : {}),
  }).catch(async (error) => {
    if (error instanceof DrainFailed && error.keeps.length > 0)
      await context.journal.note(keptNote, [...error.keeps]);
    throw error;
  });
  const kept = skipped.map((s) => s.node);
  if (kept.length > 0) await context.journal.note(keptNote, kept);
  await untaint(context, kept, 'NoSchedule');
  // A Node that was deleted meanwhile came back without it.
  await taint(context, kept, 'PreferNoSchedule');
  await putBack(
    context,
    nodes.filter((node) => !kept.includes(node)),
  );
  return { hanging, skipped };
}
