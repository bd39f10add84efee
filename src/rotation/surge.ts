import { createHash } from 'node:crypto';
import type { Member } from '../cluster/members.ts';
import type { Group, ScalingActivity } from '../cluster/ports.ts';
import { names } from '../text.ts';
import { type Look, WaitTimeout, waitUntil } from '../wait.ts';
import type { Context } from './context.ts';
import { makeRoom } from './groups.ts';
import { groupNames } from './move-into.ts';
import { aboutUnjoined } from './never-joined.ts';
import { unreadyMembers } from './new-nodes.ts';
import { launchesFor, type Plan, type PlannedGroup, surplusOf } from './plan.ts';
import { lookAround } from './view.ts';

/** When new nodes were taken away again: what is launched then is another one, though the same members are there. */
export const takenBackNote = 'taken-back';

/** New nodes could not be had, in AWS's own words. */
export class SurgeFailed extends Error {}

const pollMs = 500;

/**
 * Gives every leaving member its replacement, in its own zone where AWS allows to ask for it, and waits until all are ready.
 * Returns the members as they were seen then: a later look may see less, because AWS's answers may be some seconds old.
 */
export async function surge(context: Context, plan: Plan, leaving: readonly Member[]): Promise<Member[]> {
  const { groups, members } = await lookAround(context, context.settings.select);
  const since = context.clock.now();
  for (const planned of plan.groups) {
    const group = groups.find((g) => g.name === planned.name);
    if (!group) continue;
    const needed = launchesFor(planned, members, leaving, group.canLaunchInZone);
    const zones = needed.slice(comingOf(planned, groups, members));
    if (zones.length === 0) continue;
    await request(context, plan, group, zones);
  }
  return waitForNewNodes(context, plan, leaving, since);
}

/**
 * How many more than before were asked for and are not launched yet: a run that was killed or stopped has raised desired, and AWS
 * takes a moment. Instances that the group replaces itself are not among them.
 */
function comingOf(planned: PlannedGroup, groups: readonly Group[], members: readonly Member[]): number {
  const desired = groups
    .filter((g) => groupNames(planned).includes(g.name))
    .reduce((sum, g) => sum + g.desired, 0);
  const there = members.filter(
    (m) => m.group === planned.name && m.state !== 'leaving' && m.state !== 'standby',
  ).length;
  const surplus = surplusOf(planned, members);
  return Math.max(0, surplus + Math.max(0, desired - there)) - Math.max(0, surplus);
}

/** One node more in this zone, where AWS allows to ask for it; else where AWS puts it, which is where there are fewest. */
export async function addNode(
  context: Context,
  plan: Plan,
  { name }: { name: string },
  zone: string,
): Promise<void> {
  const since = context.clock.now();
  const [group] = (await lookAround(context, { names: [name] }, { fresh: true })).groups;
  if (!group) return;
  await request(context, plan, group, [zone]);
  await waitForNewNodes(context, plan, [], since, { name, desired: group.desired + 1 });
}

/** Asks AWS for one node more in each of these zones; where it chooses them itself, for so many. */
export async function request(context: Context, plan: Plan, group: Group, zones: string[]): Promise<void> {
  const { aws, journal, say } = context;
  const where = group.canLaunchInZone ? names(zones) : 'AWS chooses the zones';
  await makeRoom(context, group, group.desired + zones.length);
  say(`Launching ${zones.length} in ${group.name} (${where}).`);
  if (!group.canLaunchInZone) {
    // Somebody may have scaled the group since it was looked at: what is set must never be less than there is.
    const [now = group] = await aws.groups({ names: [group.name] }, { fresh: true });
    const desired = Math.max(now.desired, group.desired) + zones.length;
    await makeRoom(context, now, desired);
    await aws.resize(group.name, { desired });
    return;
  }
  for (const zone of new Set(zones)) {
    const count = zones.filter((z) => z === zone).length;
    // A request that is sent twice, or again by a resumed run, launches once: it is known by the plan and who was there before.
    const present = group.instances.map((i) => i.id).sort();
    const token = createHash('sha256')
      .update(
        JSON.stringify([
          journal.runId,
          plan.digest,
          journal.noted(takenBackNote) ?? null,
          zone,
          count,
          present,
        ]),
      )
      .digest('hex');
    const launch = () => aws.launch(group.name, { zone, count, token });
    let answer = await launch();
    if (answer.kind === 'refused' && /maximum size/i.test(answer.message)) {
      // By an older description there was room.
      await makeRoom(context, group, group.max + count);
      answer = await launch();
    }
    if (answer.kind === 'refused')
      throw new SurgeFailed(
        `${group.name}: AWS did not launch ${count} in ${zone}: ${answer.message} (${answer.code})`,
      );
  }
}

/**
 * Waits until every member that is on the new version serves as a node, or AWS says that a launch failed.
 * @param asked what a group wants now: an answer of AWS may be older
 */
async function waitForNewNodes(
  context: Context,
  plan: Plan,
  leaving: readonly Member[],
  since: number,
  asked?: { name: string; desired: number },
): Promise<Member[]> {
  const { aws, clock, signal, settings, say } = context;
  let unjoined = '';
  const look = async (): Promise<Look<Member[]>> => {
    const { groups, members } = await lookAround(context, settings.select);
    const unready = await unreadyMembers(context, groups, members);
    unjoined = aboutUnjoined(members.filter((m) => unready.has(m.instanceId)));
    const waiting = [...unready.values()];
    for (const group of groups) {
      const missing =
        Math.max(group.desired, asked?.name === group.name ? asked.desired : 0) -
        group.instances.filter((i) => !i.lifecycle.startsWith('Terminat')).length;
      const planned = plan.groups.find((g) => g.name === group.name);
      // By number alone: a zone may have had too few before, and what was launched is in its zone or on its way.
      const lacking = planned ? launchesFor(planned, members, leaving, false).length : 0;
      if (lacking > 0) waiting.push(`${group.name} lacks ${lacking} replacements`);
      if (missing > 0) waiting.push(`${group.name} has ${missing} fewer than it wants`);
      if (missing > 0 || lacking > 0) refuseFailed(group.name, await aws.activities(group.name, since));
    }
    return waiting.length === 0 ? { done: members } : { waiting: names(waiting, 3) };
  };
  const waited = waitUntil(look, {
    what: 'the new nodes',
    timeoutName: 'node-timeout',
    expectedMs: context.expected?.node,
    timeoutMs: settings.timeouts.node,
    pollMs,
    say,
    clock,
    signal,
    wake: context.changed,
  });
  return waited.catch((error) => {
    if (error instanceof WaitTimeout && unjoined) error.message += `\n${unjoined}`;
    throw error;
  });
}

/** @throws SurgeFailed when AWS could not launch. */
export function refuseFailed(group: string, activities: readonly ScalingActivity[]): void {
  const failed = activities.find((a) => a.status === 'Failed' || a.status === 'Cancelled');
  if (failed)
    throw new SurgeFailed(
      `${group}: AWS could not launch an instance: ${failed.reason || failed.description}`,
    );
}
