import type { Group } from '../cluster/ports.ts';
import { names } from '../text.ts';

/**
 * What a rotation needs of a group that somebody has suspended: nothing replaces a node without Launch, nothing lets one go
 * without Terminate, and without AddToLoadBalancer the new ones get no traffic
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html).
 * @param into the group that takes the place of all others: those launch nothing any more
 */
export function suspendedNeeds(group: Group, into?: string): string[] {
  const balanced = group.targetGroups.length + group.classicLoadBalancers.length > 0;
  const launches = into === undefined || into === group.name;
  const needed = ['Terminate', ...(launches ? ['Launch', ...(balanced ? ['AddToLoadBalancer'] : [])] : [])];
  return needed.filter((process) => group.suspended.includes(process)).sort();
}

/** @throws Error that names groups, processes and the commands that resume them. */
export function refuseSuspended(groups: readonly Group[], into?: string): void {
  const found = groups.flatMap(({ name, ...group }) => {
    const processes = suspendedNeeds({ name, ...group }, into);
    return processes.length > 0 ? [{ name, processes }] : [];
  });
  if (found.length === 0) return;
  const what = found.map(({ name, processes }) => `${names(processes)} of ${name}`);
  const commands = found.map(
    ({ name, processes }) =>
      `aws autoscaling resume-processes --auto-scaling-group-name ${name} --scaling-processes ${processes.join(' ')}`,
  );
  throw new Error(
    `Suspended: ${what.join('; ')}. A rotation cannot replace nodes without, and does not resume what others have suspended. ` +
      `Ask who suspended it, or AWS itself after a day of failed launches (the group's SuspensionReason); then: ${commands.join('; ')}`,
  );
}
