import { messageOf } from '../text.ts';
import { restoreDeployments } from './cluster-autoscaler.ts';
import type { Context } from './context.ts';
import { drainNodes } from './drain.ts';
import { oversized, restoreGroups } from './groups.ts';
import { terminate, waitForVolumes } from './leave.ts';
import type { Plan } from './plan.ts';
import { removeMarks, taint } from './taints.ts';
import { lookAround } from './view.ts';

export interface Restored {
  done: string[];
  /** What could not be put back, and why. */
  remaining: string[];
}

/**
 * Puts back everything the journal knows. AWS never chooses a victim: nodes that were added and are not needed are drained
 * and terminated by id, newest first; then max and AZRebalance; cluster-autoscaler comes back last.
 */
export async function restore(context: Context, plan: Plan | undefined): Promise<Restored> {
  const done: string[] = [];
  const remaining: string[] = [];
  const cleaned = await removeMarks(context);
  if (cleaned.length > 0) done.push(`taints and cordons removed from ${cleaned.join(', ')}`);
  if (plan) {
    try {
      done.push(...(await removeSurplus(context, plan)));
    } catch (error) {
      context.signal.throwIfAborted();
      remaining.push(messageOf(error));
      await removeMarks(context);
    }
    for (const { name, by } of await oversized(context, plan))
      remaining.push(`${name} is still ${by} larger than before`);
  }
  const groups = await restoreGroups(context);
  done.push(...groups.done, ...(await restoreDeployments(context)));
  remaining.push(...groups.remaining);
  return { done, remaining };
}

/** Drains and terminates the newest members until every group has its old size. */
async function removeSurplus(context: Context, plan: Plan): Promise<string[]> {
  const { aws, say } = context;
  const done: string[] = [];
  for (const { name, by } of await oversized(context, plan)) {
    const { groups, members } = await lookAround(context, { names: [name] });
    const present = members.filter((m) => m.state !== 'leaving');
    const desired = groups[0]?.desired ?? 0;
    const planned = plan.groups.find((g) => g.name === name);
    // Desired that no instance stands behind: lowering it to the instances there are leaves AWS nothing to choose.
    const unfilled = Math.min(by, Math.max(0, desired - present.length));
    if (unfilled > 0) {
      await aws.resize(name, { desired: desired - unfilled });
      done.push(`desired of ${name} back to ${desired - unfilled}, no instance had come for the rest`);
    }
    const added = present.filter((m) => m.upToDate && !planned?.outdated.includes(m.instanceId)).reverse();
    const surplus = added.slice(0, by - unfilled);
    if (surplus.length === 0) continue;
    const nodes = surplus.flatMap((m) => m.node?.metadata.name ?? []);
    say(
      `Removing ${surplus.map((m) => m.node?.metadata.name ?? m.instanceId).join(', ')}, added to ${name} and not needed now.`,
    );
    await taint(context, nodes, 'NoSchedule');
    await drainNodes(context, nodes);
    await waitForVolumes(context, nodes);
    await terminate(context, plan, surplus);
    done.push(`${name} back to its size`);
  }
  return done;
}
