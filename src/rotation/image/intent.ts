import type { Group, LaunchSource, LaunchTarget } from '../../cluster/ports.ts';

/** One template or launch configuration that a group launches from, and the image that it shall have. */
export interface PlannedPart {
  /** Version resolved: what a copy is made of. */
  template?: { id: string; name: string; version: string };
  launchConfiguration?: string;
  now: string;
  /** The same as now where no copy is needed. */
  next: string;
}

/** A group that will launch from copies with other images. */
export interface PlannedLaunch {
  /** What it is set to before the run. */
  source: LaunchSource;
  /** The group's own first, then those of overrides that have a template of their own. */
  parts: PlannedPart[];
}

/** Everything that new instances of the group may come from, in the order of a plan's parts. */
export const targetsOf = ({ target, overrides = [] }: Group): LaunchTarget[] => [
  target,
  ...overrides.map((o) => o.target),
];

/** The group as it will be once it is pointed at the copies: by this its members are outdated. */
export function asIntended(group: Group, launch: PlannedLaunch | undefined): Group {
  if (!launch) return group;
  const aim = (target: LaunchTarget, part: PlannedPart | undefined): LaunchTarget => {
    if (!part || target.imageId === part.next) return target;
    const { template, launchConfiguration } = target;
    return {
      ...target,
      imageId: part.next,
      ...(template ? { template: { ...template, version: `${template.version} (copy)` } } : {}),
      ...(launchConfiguration ? { launchConfiguration: `${launchConfiguration} (copy)` } : {}),
    };
  };
  const { overrides } = group;
  return {
    ...group,
    target: aim(group.target, launch.parts[0]),
    ...(overrides
      ? { overrides: overrides.map((o, i) => ({ ...o, target: aim(o.target, launch.parts[i + 1]) })) }
      : {}),
  };
}

/** For people: `shop-general:3` or the name of a launch configuration. */
export const partName = ({
  template,
  launchConfiguration = '',
}: Pick<PlannedPart, 'template' | 'launchConfiguration'>): string =>
  template ? `${template.name}:${template.version}` : launchConfiguration;

/** The copies that will be made, each once: of what, and which image it replaces by which. */
export function copiesOf({ parts }: PlannedLaunch): { of: string; now: string; next: string }[] {
  const copies = parts.filter((p) => p.now !== p.next).map((p) => [partName(p), p] as const);
  return [...new Map(copies)].map(([of, { now, next }]) => ({ of, now, next }));
}
