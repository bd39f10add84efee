import type { Group } from '../cluster/ports.ts';

/**
 * Where a desired size of 8 means two instances of weight 4, nobody can ask for one instance more.
 * @throws Error that names such groups and what replaces their instances instead.
 */
export function refuseUnits(groups: readonly Group[]): void {
  const found = groups.filter((g) => g.countsUnits).map((g) => g.name);
  if (found.length === 0) return;
  const commands = found.map(
    (name) => `aws autoscaling start-instance-refresh --auto-scaling-group-name ${name}`,
  );
  throw new Error(
    `${found.join(', ')}: the size counts weights, vCPUs or memory, not instances, so no replacement can be asked for one by one. ` +
      `Take the weights off, name the other groups in the input groups, or let AWS replace these instances, which does not drain them: ${commands.join('; ')}`,
  );
}
