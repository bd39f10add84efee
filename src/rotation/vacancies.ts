import type { Member } from '../cluster/members.ts';
import type { Group } from '../cluster/ports.ts';
import type { Context } from './context.ts';
import { makeRoom } from './groups.ts';
import { groupNames } from './move-into.ts';
import type { Plan } from './plan.ts';

/**
 * Asks for replacements of nodes that move into another group without one (max-unavailable), before they are terminated: their
 * own group gets smaller with them, so that AWS would fill no vacancy.
 */
export async function fillVacancies(
  context: Context,
  plan: Plan,
  groups: readonly Group[],
  members: readonly Member[],
): Promise<void> {
  for (const planned of plan.groups) {
    const into = groups.find((g) => g.name === planned.name);
    if (!planned.from || !into) continue;
    const own = groups.filter((g) => groupNames(planned).includes(g.name));
    const there = own.flatMap((g) => g.instances).filter((i) => !i.lifecycle.startsWith('Terminat'));
    const leaving = members.filter((m) => there.some((i) => i.id === m.instanceId)).length;
    const lacking = planned.desired - (own.reduce((sum, g) => sum + g.desired, 0) - leaving);
    if (leaving === 0 || lacking <= 0) continue;
    const desired = into.desired + lacking;
    await makeRoom(context, into, desired);
    context.say(`Launching ${lacking} in ${into.name} (AWS chooses the zones) for nodes that leave at once.`);
    await context.aws.resize(into.name, { desired });
  }
}
