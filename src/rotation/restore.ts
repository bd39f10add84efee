import { type Member, nodesOf } from '../cluster/members.ts';
import type { Pod } from '../cluster/objects.ts';
import { matchesLabelQuery } from '../cluster/selectors.ts';
import { messageOf } from '../text.ts';
import { restoreDeployments } from './cluster-autoscaler.ts';
import type { Context } from './context.ts';
import { staysBecause } from './drain.ts';
import { emptyNodes, keptNote } from './empty-nodes.ts';
import { evenOutZones } from './even-zones.ts';
import { untilFilled } from './filled.ts';
import { oversized, restoreGroups } from './groups.ts';
import { putLaunchesBack } from './image/copies.ts';
import { terminate, waitForVolumes } from './leave.ts';
import {
  backIntoBalancers,
  forgetBalancers,
  leaveBalancers,
  leaveBalancersAtLast,
} from './load-balancers.ts';
import { groupNames, groupsOf, homeOf } from './move-into.ts';
import { ownNodeOf } from './not-yet.ts';
import { type Plan, type PlannedGroup, surplusPerZone } from './plan.ts';
import { reopenNodes } from './reopen.ts';
import { allowScaleDown, keepFromScaleDown } from './scale-down.ts';
import { soakNote } from './soak.ts';
import { takenBackNote } from './surge.ts';
import { taint } from './taints.ts';
import { lookAround } from './view.ts';

/** Where the journal keeps which pods are Redis: restore must not evict them. */
export const redisNote = 'redis';

export interface Restored {
  done: string[];
  /** What could not be put back, and why. */
  remaining: string[];
}

/**
 * Puts back everything the journal knows. AWS never chooses a victim: nodes that were added and are not needed are drained
 * and terminated by id; then max and AZRebalance; cluster-autoscaler comes back last.
 */
export async function restore(context: Context, plan: Plan | undefined): Promise<Restored> {
  const done: string[] = [];
  const remaining: string[] = [];
  const cleaned = await reopenNodes(context);
  if (cleaned.length > 0) done.push(`taints and cordons removed from ${cleaned.join(', ')}`);
  // Old nodes take requests again before new ones go; those that cannot go do so, too.
  done.push(...(await backIntoBalancers(context)).done);
  if (plan) {
    const removed = await shrinkBack(context, plan);
    done.push(...removed.done);
    remaining.push(...removed.remaining);
  }
  const back = await backIntoBalancers(context);
  done.push(...back.done);
  const launches = await putLaunchesBack(context);
  await untilFilled(context);
  const groups = await restoreGroups(context, plan);
  done.push(...launches.done, ...groups.done, ...(await restoreDeployments(context)));
  const scalable = await allowScaleDown(context);
  if (scalable.length > 0) done.push(`scale-down allowed again on ${scalable.join(', ')}`);
  remaining.push(...back.remaining, ...launches.remaining, ...groups.remaining);
  return { done, remaining };
}

/**
 * Leaves the cluster to itself between two runs of an unfinished rotation: everything is as before, but what has been
 * replaced stays so, and cluster-autoscaler leaves the new nodes alone.
 * @param shrink removes nodes that were added for others which then stayed
 */
export async function rest(context: Context, plan: Plan, shrink = false): Promise<Restored> {
  const { members } = await lookAround(context, groupsOf(plan));
  const fresh = members.filter((m) => m.launchedAt > plan.newest);
  await keepFromScaleDown(context, nodesOf(fresh));
  const cleaned = await reopenNodes(context);
  const outdated = nodesOf(members.filter((m) => m.state === 'outdated'));
  const own = ownNodeOf(context.self, (await context.kubernetes.list('pods')).items);
  // The next runner must not start on what this one could not replace.
  if (outdated.length === 1 && outdated[0] === own) await taint(context, outdated, 'NoSchedule');
  const first = await backIntoBalancers(context);
  const removed = shrink ? await shrinkBack(context, plan) : { done: [], remaining: [] };
  const back = await backIntoBalancers(context);
  const launches = await putLaunchesBack(context);
  await untilFilled(context);
  const groups = await restoreGroups(context, plan);
  return {
    done: [
      ...(cleaned.length > 0 ? [`taints and cordons removed from ${cleaned.join(', ')}`] : []),
      ...first.done,
      ...removed.done,
      ...back.done,
      ...launches.done,
      ...groups.done,
      ...(await restoreDeployments(context)),
    ],
    remaining: [...back.remaining, ...removed.remaining, ...launches.remaining, ...groups.remaining],
  };
}

/** Every group gets its old size again, as far as its nodes can be emptied. */
async function shrinkBack(context: Context, plan: Plan): Promise<Restored> {
  const done: string[] = [];
  const remaining: string[] = [];
  try {
    done.push(...(await removeSurplus(context, plan)));
    await evenOutZones(context, plan);
  } catch (error) {
    context.signal.throwIfAborted();
    remaining.push(messageOf(error));
    await reopenNodes(context);
  }
  for (const { name, by } of await oversized(context, plan))
    remaining.push(
      `${name} is still ${by} larger than before, because its nodes carry pods that must not be evicted now; run the workflow again to finish the rotation`,
    );
  return { done, remaining };
}

/**
 * Drains and terminates the newest members until every group has its old size.
 * @param zone where they go first
 */
export async function removeSurplus(context: Context, plan: Plan, zone?: string): Promise<string[]> {
  const { aws, say } = context;
  const done: string[] = [];
  for (const { name, by } of await oversized(context, plan)) {
    const planned = plan.groups.find((g) => g.name === name);
    const { groups, members } = await lookAround(context, { names: planned ? groupNames(planned) : [name] });
    const present = members.filter((m) => m.state !== 'leaving');
    const desired = groups.find((g) => g.name === name)?.desired ?? 0;
    // Desired that no instance stands behind: lowering it to the instances there are leaves AWS nothing to choose.
    const unfilled = Math.min(by, Math.max(0, desired - present.filter((m) => homeOf(m) === name).length));
    if (unfilled > 0) {
      await aws.resize(name, { desired: desired - unfilled });
      done.push(`desired of ${name} back to ${desired - unfilled}, no instance had come for the rest`);
    }
    const surplus = (await removable(context, planned, present, zone)).slice(0, by - unfilled);
    if (surplus.length === 0) continue;
    const nodes = surplus.flatMap((m) => m.node?.metadata.name ?? []);
    say(
      `Removing ${surplus.map((m) => m.node?.metadata.name ?? m.instanceId).join(', ')}: ${name} is larger than before.`,
    );
    await context.journal.note(takenBackNote, context.clock.now());
    await taint(context, nodes, 'NoSchedule');
    const view = { groups, members };
    const last = await leaveBalancers(context, plan, view, surplus);
    // All of them have to leave: nothing may be left out.
    const settings: Context['settings'] = {
      ...context.settings,
      onBlocked: context.settings.onBlocked === 'skip' ? 'fail' : context.settings.onBlocked,
    };
    const { hanging } = await emptyNodes({ ...context, settings }, nodes);
    await leaveBalancersAtLast(context, view, surplus, last);
    await waitForVolumes(context, nodes, hanging);
    await terminate(context, plan, surplus, hanging);
    await forgetBalancers(context, surplus);
    done.push(`${name} back to its size`);
  }
  return done;
}

/**
 * The members that can go, easiest first: those of the zone that is asked for, in zones that have more than before, never with Redis on them, those that soaked
 * (a return needs them) or could not be emptied before after all others, then those with the fewest pods that refuse to
 * leave, the fewest pods at all, and the newest.
 */
async function removable(
  context: Context,
  planned: PlannedGroup | undefined,
  members: readonly Member[],
  zone?: string,
): Promise<Member[]> {
  const { kubernetes, journal } = context;
  if (!planned) return [];
  const selections = (journal.noted(redisNote) as { namespace: string; labels: string }[] | undefined) ?? [];
  const pods = (await kubernetes.list('pods')).items;
  const isRedis = (pod: Pod): boolean =>
    selections.some(
      (s) => s.namespace === pod.metadata.namespace && matchesLabelQuery(s.labels, pod.metadata.labels),
    );
  const soaked = (journal.noted(soakNote) as string[] | undefined) ?? [];
  const kept = (journal.noted(keptNote) as string[] | undefined) ?? [];
  const ranked: { member: Member; rank: number[] }[] = [];
  for (const member of members) {
    const own = pods.filter(
      (p) => member.node && p.spec.nodeName === member.node.metadata.name && !staysBecause(p),
    );
    if (own.some(isRedis)) continue;
    const answers = await Promise.all(
      own.map((p) =>
        kubernetes.evict(
          { namespace: p.metadata.namespace ?? '', name: p.metadata.name, uid: p.metadata.uid ?? '' },
          { dryRun: true },
        ),
      ),
    );
    const refusing = answers.filter((a) => a.kind !== 'accepted' && a.kind !== 'gone').length;
    const last = soaked.includes(member.instanceId) || kept.includes(member.node?.metadata.name ?? '');
    ranked.push({
      member,
      rank: [Number(member.zone !== zone), Number(last), refusing, own.length, -member.launchedAt],
    });
  }
  ranked.sort(
    (a, b) => a.rank.map((n, i) => n - (b.rank[i] ?? 0)).find((difference) => difference !== 0) ?? 0,
  );
  const surplus = surplusPerZone(planned, members);
  return ranked.flatMap(({ member }) => {
    const spare = surplus.get(member.zone) ?? 0;
    surplus.set(member.zone, spare - 1);
    return spare > 0 ? [member] : [];
  });
}
