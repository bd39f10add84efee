import { names } from '../text.ts';
import type { Context } from './context.ts';
import { type Drained, DrainFailed, drainNodes, type SkippedNode } from './drain.ts';
import { putBack, putBackSoon, type Stuck, surgeDeployments } from './rollout.ts';
import { isOf } from './scale-up.ts';
import { taint, untaint } from './taints.ts';
import { readWorkloads, type Workloads } from './workloads.ts';

/** Where the journal keeps which nodes could not be emptied: they are the last that anything else tries to empty. */
export const keptNote = 'nodes-kept';

/**
 * Moves every pod that has to leave off these nodes: first the Deployments that eviction would interrupt get one replica more,
 * then all are evicted, then the replicas are as before. Nodes that are left out (on-blocked: skip) take pods again.
 * @throws DrainFailed, WaitTimeout (rollout-timeout).
 */
export async function emptyNodes(
  context: Context,
  nodes: readonly string[],
  onSurged: () => void = () => {},
): Promise<Drained> {
  const workloads = await readWorkloads(context.kubernetes);
  const { deployments, stuck } = await surgeDeployments(context, nodes, workloads);
  onSurged();
  const leftOut = await withStuck(context, nodes, workloads, stuck);
  const rest = nodes.filter((node) => !leftOut.some((l) => l.node === node));
  if (rest.length > 0) context.say(`Evicting the pods of ${names(rest)}.`);
  const { hanging, skipped } = await drainNodes(context, rest, {
    onLook: (present) => putBackSoon(context, deployments, rest, present),
    // Those that have one replica more now are read anew.
    ...(deployments.length === 0 ? { owners: workloads } : {}),
  });
  const kept = [...leftOut, ...skipped];
  if (kept.length > 0)
    await context.journal.note(
      keptNote,
      kept.map((k) => k.node),
    );
  await untaint(
    context,
    kept.map((k) => k.node),
    'NoSchedule',
  );
  // A Node that was deleted meanwhile came back without it.
  await taint(
    context,
    kept.map((k) => k.node),
    'PreferNoSchedule',
  );
  await putBack(
    context,
    nodes.filter((node) => !kept.some((k) => k.node === node)),
  );
  return { hanging, skipped: kept };
}

/** The nodes whose pods cannot leave, because the additional replica did not come. @throws DrainFailed unless they are left out. */
async function withStuck(
  { settings, journal, say }: Context,
  nodes: readonly string[],
  { pods }: Workloads,
  stuck: readonly Stuck[],
): Promise<SkippedNode[]> {
  const found = nodes.flatMap((node): SkippedNode[] => {
    const own = pods.filter((p) => p.spec.nodeName === node);
    const why = stuck.filter((s) => own.some((p) => isOf(s.deployment, p))).map((s) => s.why);
    return why.length > 0 ? [{ node, why }] : [];
  });
  if (found.length === 0) return [];
  if (settings.onBlocked !== 'skip') {
    await journal.note(
      keptNote,
      found.map((f) => f.node),
    );
    const lines = [...new Set(found.flatMap((f) => f.why))];
    throw new DrainFailed(
      `Cannot drain ${names(found.map((f) => f.node))}:\n${lines.map((l) => `  - ${l}`).join('\n')}`,
    );
  }
  for (const { node, why } of found)
    say(`Node ${node} is left out (on-blocked: skip), and the next run tries it again:\n${why.join('\n')}`);
  return found;
}
