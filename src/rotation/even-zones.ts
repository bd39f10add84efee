import type { Group } from '../cluster/ports.ts';
import type { Context } from './context.ts';
import { rebalanceWasActive } from './groups.ts';
import type { Plan, PlannedGroup } from './plan.ts';
import { removeSurplus } from './restore.ts';
import { addNode } from './surge.ts';

/** On its way out, or set aside: AZRebalance does not count it. */
const elsewhere = /^(Terminat|EnteringStandby|Standby|Detach)/;

/** What AZRebalance would even out: zones that differ by more than one node, and by more than before the run. */
export function unevenZones(
  { zones, instances }: Pick<Group, 'zones' | 'instances'>,
  planned: Pick<PlannedGroup, 'zones'>,
): { rich: string; poor: string; says: string } | undefined {
  if (zones.length < 2) return undefined;
  const present = instances.filter((i) => !elsewhere.test(i.lifecycle));
  const counted = zones.map((zone) => ({ zone, n: present.filter((i) => i.zone === zone).length }));
  const sorted = [...counted].sort((a, b) => a.n - b.n);
  const [poorest, richest] = [sorted[0], sorted.at(-1)];
  const before = zones.map((zone) => planned.zones[zone] ?? 0);
  const difference = (richest?.n ?? 0) - (poorest?.n ?? 0);
  if (!poorest || !richest || difference <= 1 || difference <= Math.max(...before) - Math.min(...before))
    return undefined;
  return {
    rich: richest.zone,
    poor: poorest.zone,
    says: counted.map(({ zone, n }) => `${n} in ${zone}`).join(', '),
  };
}

/**
 * Where AWS chose the zones of new nodes, some zone may have ended up with too few. AZRebalance would even that out by
 * terminating nodes undrained, so it is done here before it resumes: one node more where there are too few, one less, drained,
 * where there are too many.
 */
export async function evenOutZones(context: Context, plan: Plan): Promise<void> {
  for (const planned of plan.groups) {
    if (!rebalanceWasActive(context, planned.name)) continue;
    // Each round moves one node; none can be needed twice.
    for (let round = 0; round < planned.desired; round++) {
      const [group] = await context.aws.groups({ names: [planned.name] }, { fresh: true });
      const uneven = group && unevenZones(group, planned);
      if (!uneven) break;
      context.say(
        `${planned.name} has ${uneven.says}: a node more for ${uneven.poor} and a node less in ${uneven.rich}, before AZRebalance does it without draining.`,
      );
      await addNode(context, plan, planned, uneven.poor);
      await removeSurplus(context, plan, uneven.rich);
    }
  }
}
