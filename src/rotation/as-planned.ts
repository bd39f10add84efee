import { homeOf } from './move-into.ts';
import { type Plan, targetOf } from './plan.ts';
import type { View } from './view.ts';

/**
 * A rotation towards a target that moves would never end: it stops as soon as new nodes would not be what was planned.
 * @throws Error that says what was planned and what is there now.
 */
export function refuseMovedTarget(plan: Plan, { groups, members }: View): void {
  const again =
    'Put everything back with phase: restore if it has not happened, and run again for a new plan.';
  for (const planned of plan.groups) {
    const group = groups.find((g) => g.name === planned.name);
    if (!group) throw new Error(`The group ${planned.name} is gone since the plan was made. ${again}`);
    const { imageId, template } = targetOf(group);
    if (imageId !== planned.imageId || template !== planned.template)
      throw new Error(
        `What ${planned.name} launches has changed since the plan was made: planned were ${planned.imageId} and ${planned.template}, now it is ${imageId} and ${template}. ${again}`,
      );
    const late = members.find(
      (m) =>
        homeOf(m) === planned.name &&
        m.state === 'outdated' &&
        m.launchedAt > plan.newest &&
        !planned.outdated.includes(m.instanceId),
    );
    if (late)
      throw new Error(
        `Instance ${late.instanceId} of ${planned.name} was launched during the rotation and is outdated already: it runs ${late.imageId}, planned are ${planned.imageId} and ${planned.template}. Look at what the group launches (overrides of a mixed instances policy, for example), then run again.`,
      );
  }
}
