import { AwsError } from '../cluster/ports.ts';
import { count } from '../text.ts';
import type { Context } from './context.ts';
import { unevenZones } from './even-zones.ts';
import { notLaunched } from './filled.ts';
import { groupNames, groupsOf } from './move-into.ts';
import type { Plan } from './plan.ts';
import { lookAround } from './view.ts';

const rebalance = 'AZRebalance';
const keyOf = (group: string, what: string): string => `group/${group}/${what}`;

/** Suspends AZRebalance where nobody else has: surging and decrementing would make it terminate instances undrained. */
export async function suspendRebalance(context: Context): Promise<void> {
  const { aws, journal, settings, say } = context;
  for (const group of (await lookAround(context, settings.select)).groups) {
    if (group.suspended.includes(rebalance)) continue;
    await journal.before(keyOf(group.name, rebalance), 'active');
    await aws.suspend(group.name, [rebalance]);
    say(`Suspended AZRebalance of ${group.name}.`);
  }
}

/** Whether AZRebalance ran before this run suspended it. */
export const rebalanceWasActive = ({ journal }: Pick<Context, 'journal'>, group: string): boolean =>
  journal.valueBefore(keyOf(group, rebalance)) !== undefined;

/** Raises max where the surge needs room, the old value in the journal first. */
export async function makeRoom(
  context: Context,
  group: { name: string; max: number },
  needed: number,
): Promise<void> {
  if (needed <= group.max) return;
  await context.journal.before(keyOf(group.name, 'max'), group.max);
  await context.aws.resize(group.name, { max: needed });
  context.say(`Raised max of ${group.name} from ${group.max} to ${needed}.`);
}

/** Lowers min where members go for good, the old value in the journal first: AWS terminates no instance below it. */
export async function lowerMin(
  context: Context,
  group: { name: string; min: number; desired: number },
  leaving: number,
): Promise<void> {
  const needed = Math.max(0, group.desired - leaving);
  if (leaving === 0 || needed >= group.min) return;
  await context.journal.before(keyOf(group.name, 'min'), group.min);
  await context.aws.resize(group.name, { min: needed });
  context.say(`Lowered min of ${group.name} from ${group.min} to ${needed}.`);
}

/**
 * Puts max and AZRebalance back once size and zones allow it. Returns what was put back, and what still cannot be.
 */
export async function restoreGroups(
  context: Pick<Context, 'aws' | 'journal'>,
  plan: Plan | undefined,
): Promise<{ done: string[]; remaining: string[] }> {
  const { aws, journal } = context;
  const done: string[] = [];
  const remaining: string[] = [];
  for (const { key, value } of journal.outstanding('group/')) {
    const [, name = '', what = ''] = key.split('/');
    // What it launched from before is kept for a rollback, or put back by putLaunchesBack.
    if (what === 'launch') continue;
    const [group] = await aws.groups({ names: [name] });
    if (group && what === 'max' && typeof value === 'number') {
      if (group.desired > value) {
        remaining.push(
          `max of ${name} stays ${group.max} (it was ${value}): its desired size is still ${group.desired}`,
        );
        continue;
      }
      const refused = await refusalOf(aws.resize(name, { max: value }));
      if (refused) {
        remaining.push(`max of ${name} stays ${group.max} (it was ${value}): ${refused}`);
        continue;
      }
      done.push(`max of ${name} back to ${value}`);
    }
    if (group && what === 'min' && typeof value === 'number') {
      // Its nodes have moved into another group for good.
      const possible = Math.min(value, group.desired);
      const refused = await refusalOf(aws.resize(name, { min: possible }));
      if (refused) {
        remaining.push(`min of ${name} stays ${group.min} (it was ${value}): ${refused}`);
        continue;
      }
      done.push(
        possible === value
          ? `min of ${name} back to ${value}`
          : `min of ${name} is ${possible} (it was ${value}), because it has ${count(group.desired, 'node')} left`,
      );
    }
    if (group && what === rebalance) {
      const planned = plan?.groups.find((g) => g.name === name);
      const before = planned?.desired ?? group.desired;
      // While the group is larger its zones may be uneven, and AWS would even them out by terminating a node undrained.
      if (group.desired > before) {
        remaining.push(
          `AZRebalance of ${name} stays suspended: its desired size is still ${group.desired} (it was ${before})`,
        );
        continue;
      }
      const lacking = notLaunched(group);
      if (lacking > 0) {
        remaining.push(
          `AZRebalance of ${name} stays suspended: ${count(lacking, 'instance')} of its ${group.desired} ${lacking === 1 ? 'is' : 'are'} not launched yet, and in a zone that has enough it would terminate another one undrained; run phase: restore again when AWS has launched what is missing`,
        );
        continue;
      }
      const uneven = planned && unevenZones(group, planned);
      if (uneven) {
        remaining.push(
          `AZRebalance of ${name} stays suspended: it would terminate a node undrained, because there are ${uneven.says}; run the workflow again to even them out`,
        );
        continue;
      }
      const refused = await refusalOf(aws.resume(name, [rebalance]));
      if (refused) {
        remaining.push(`AZRebalance of ${name} stays suspended: ${refused}`);
        continue;
      }
      done.push(`AZRebalance of ${name} resumed`);
    }
    await journal.restored(key);
  }
  return { done, remaining };
}

/** What AWS refuses for one setting must keep no other from coming back. */
const refusalOf = (change: Promise<void>): Promise<string> =>
  change.then(
    () => '',
    (error) => {
      if (error instanceof AwsError) return error.message;
      throw error;
    },
  );

/** Groups whose desired size is still above what it was. */
export async function oversized(context: Context, plan: Plan): Promise<{ name: string; by: number }[]> {
  const { groups } = await lookAround(context, groupsOf(plan));
  return plan.groups.flatMap((planned) => {
    const own = groups.filter((g) => groupNames(planned).includes(g.name));
    const by = own.reduce((sum, g) => sum + g.desired, 0) - planned.desired;
    return by > 0 ? [{ name: planned.name, by }] : [];
  });
}
