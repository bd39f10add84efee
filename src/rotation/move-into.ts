import type { Member } from '../cluster/members.ts';
import type { Group, GroupSelection } from '../cluster/ports.ts';
import { count, names } from '../text.ts';
import type { Plan, PlannedGroup } from './plan.ts';

/** A group whose nodes move into another one, with its sizes before the run. */
export interface MovedFrom {
  name: string;
  min: number;
  desired: number;
}

/**
 * One group takes the place of the others: for the plan they all are one group by its name, whose members in the others are
 * outdated. `home` says where such a member really is.
 */
export const asOneGroup = (members: readonly Member[], into: string | undefined): Member[] =>
  members.map((m) =>
    into === undefined || m.group === into
      ? m
      : {
          ...m,
          home: m.group,
          group: into,
          upToDate: false,
          state: m.state === 'current' ? 'outdated' : m.state,
        },
  );

/** The group of AWS that a member is in. */
export const homeOf = ({ group, home = group }: Member): string => home;

/**
 * The group that takes the others' place, as large as all of them together.
 * @throws Error with everything that makes it impossible.
 */
export function unitOf(groups: readonly Group[], into: string): { unit: Group; from: MovedFrom[] } {
  const target = groups.find((g) => g.name === into);
  const others = groups.filter((g) => g.name !== into);
  if (!target || others.length === 0) {
    throw new Error(
      `target-group: got ${into}, but the selected groups are ${names(groups.map((g) => g.name))}; select it together with those that are drained into it.`,
    );
  }
  const desired = groups.reduce((sum, g) => sum + g.desired, 0);
  const problems: string[] = [];
  if (desired > target.max)
    problems.push(
      `its max is ${target.max}, and it will have ${count(desired, 'node')} in the end: raise max to ${desired} or more`,
    );
  const zones = new Set(others.flatMap((g) => g.instances.map((i) => i.zone)));
  const missing = [...zones].filter((zone) => !target.zones.includes(zone)).sort();
  if (missing.length > 0)
    problems.push(`it has no subnet in ${names(missing)}, where there are nodes to move: add one there`);
  if (problems.length > 0) throw new Error(`target-group: ${into} cannot take them: ${problems.join('; ')}.`);
  return {
    unit: { ...target, desired },
    from: others.map(({ name, min, desired }) => ({ name, min, desired })),
  };
}

/** All groups that a plan touches. */
export const groupsOf = ({ groups }: Pick<Plan, 'groups'>): { names: string[] } & GroupSelection => ({
  names: groups.flatMap(groupNames),
});

export const groupNames = ({ name, from = [] }: PlannedGroup): string[] => [name, ...from.map((f) => f.name)];

/** The group that the others move into, as the plan has it. */
export const intoOf = (plan: Plan | undefined): string | undefined => plan?.groups.find((g) => g.from)?.name;
