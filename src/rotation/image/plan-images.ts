import type { MachineImage } from '../../cluster/images.ts';
import type { Aws, Group, Kubernetes, LaunchTarget } from '../../cluster/ports.ts';
import { publishedAs } from './family.ts';
import { type PlannedLaunch, type PlannedPart, partName, targetsOf } from './intent.ts';

interface Source {
  aws: Aws;
  kubernetes: Kubernetes;
  say: (line: string) => void;
}

/**
 * Finds the image that every group shall have, and what must be copied for it; only reads.
 * @param ami an image id, the name of an SSM parameter that holds one, or `recommended`
 * @returns by group name; a group that launches that image already is not in it
 * @throws Error with everything that stands against it
 */
export async function planImages(
  source: Source,
  groups: readonly Group[],
  ami: string,
): Promise<Map<string, PlannedLaunch>> {
  const problems: string[] = [];
  const present = await imagesById(
    source.aws,
    groups.flatMap(targetsOf).map((t) => t.imageId),
  );
  const wanted = await wantedImages(source, groups, ami, present, problems);
  const fresh = await imagesById(source.aws, [...wanted.values()]);
  const launches = new Map<string, PlannedLaunch>();
  for (const group of groups) {
    const parts = targetsOf(group).map((target): PlannedPart => {
      const { template, launchConfiguration, imageId: now } = target;
      const next = wanted.get(target) ?? now;
      if (next !== now) problems.push(...unfit(group, target, present.get(now), next, fresh.get(next)));
      return {
        ...(template ? { template } : {}),
        ...(launchConfiguration ? { launchConfiguration } : {}),
        now,
        next,
      };
    });
    if (parts.every((p) => p.now === p.next)) continue;
    const launch = { source: await source.aws.launchSource(group.name), parts };
    problems.push(...(await followers(source.aws, parts, groups, wanted)));
    for (const line of otherFamilies(group, parts, present, fresh)) source.say(line);
    launches.set(group.name, launch);
  }
  if (problems.length > 0)
    throw new Error(`ami: got ${ami}, and\n${[...new Set(problems)].map((p) => `  - ${p}`).join('\n')}`);
  return launches;
}

async function imagesById(aws: Aws, ids: readonly string[]): Promise<Map<string, MachineImage>> {
  const found = await aws.images([...new Set(ids.filter(Boolean))]);
  return new Map(found.map((image) => [image.id, image]));
}

/** The image id per target; where none can be told there is a problem instead. */
async function wantedImages(
  { aws, kubernetes }: Source,
  groups: readonly Group[],
  ami: string,
  present: ReadonlyMap<string, MachineImage>,
  problems: string[],
): Promise<Map<LaunchTarget, string>> {
  const targets = groups.flatMap((group) => targetsOf(group).map((target) => ({ group, target })));
  if (ami.startsWith('ami-')) return new Map(targets.map(({ target }) => [target, ami]));
  const values = new Map<string, string | undefined>();
  const read = async (parameter: string): Promise<string | undefined> => {
    if (!values.has(parameter)) {
      const value = await aws.parameter(parameter);
      values.set(parameter, value);
      if (value === undefined) problems.push(`there is no SSM parameter ${parameter} in this region`);
      else if (!/^ami-[0-9a-z]+$/.test(value))
        problems.push(`the SSM parameter ${parameter} holds no image id; those of EKS end with /image_id`);
    }
    return values.get(parameter);
  };
  const minor = ami === 'recommended' ? await clusterMinor(kubernetes) : '';
  const wanted = new Map<LaunchTarget, string>();
  for (const { group, target } of targets) {
    const image = present.get(target.imageId);
    const parameter = ami === 'recommended' ? image && publishedAs(image)?.parameter(minor) : ami;
    if (!parameter) {
      problems.push(
        `${group.name} launches ${target.imageId}${image ? ` (${image.name})` : ''}, which is no image that AWS publishes for EKS as Amazon Linux 2, Amazon Linux 2023 or Bottlerocket, so nothing is recommended for it; name an image id`,
      );
      continue;
    }
    const value = await read(parameter);
    if (value) wanted.set(target, value);
  }
  return wanted;
}

/** For example `1.36`; the minor of a version may carry a plus. */
async function clusterMinor(kubernetes: Kubernetes): Promise<string> {
  const { major, minor } = await kubernetes.version();
  return `${major}.${minor.replace(/\D/g, '')}`;
}

/** Why a target cannot be given this image. */
function unfit(
  group: Group,
  target: LaunchTarget,
  now: MachineImage | undefined,
  id: string,
  next: MachineImage | undefined,
): string[] {
  const problems: string[] = [];
  if (!next) problems.push(`${id} does not exist in this region, or is not shared with this account`);
  else if (next.state !== 'available') problems.push(`${id} is ${next.state}, it must be available`);
  if (!now)
    problems.push(
      `${group.name} launches ${target.imageId}, which does not exist any more, so the architecture of ${id} cannot be compared; give ${partName(target)} an image yourself`,
    );
  else if (next && next.architecture !== now.architecture)
    problems.push(
      `${id} is for ${next.architecture}, but ${group.name} launches ${target.imageId} for ${now.architecture} (${partName(target)})`,
    );
  if (target.snapshots)
    problems.push(
      `${partName(target)} of ${group.name} makes ${target.snapshots.join(', ')} from snapshots, which belong to its present image or are left out of a copy by AWS; make the version with ${id} yourself`,
    );
  return problems;
}

/** A copy becomes `$Latest` of its template: whoever follows that and is not pointed elsewhere would launch it unasked. */
async function followers(
  aws: Aws,
  parts: readonly PlannedPart[],
  groups: readonly Group[],
  wanted: ReadonlyMap<LaunchTarget, string>,
): Promise<string[]> {
  const problems: string[] = [];
  const copied = parts.filter((p) => p.now !== p.next);
  const ids = new Map(copied.flatMap(({ template }) => (template ? [[template.id, template.name]] : [])));
  for (const [id, name] of ids) {
    const unasked: string[] = [];
    for (const follower of await aws.followersOfLatest(id)) {
      const group = groups.find((g) => g.name === follower);
      // A group that gets a copy of it is pointed away from $Latest of it altogether.
      const own = group && targetsOf(group).some((t) => t.template?.id === id && changed(t, wanted));
      if (!own) unasked.push(follower);
    }
    if (unasked.length > 0)
      problems.push(
        `${unasked.join(', ')} would launch the copy of ${name} unasked, following $Latest of it; set a version number there, or roll it in the same run`,
      );
  }
  return problems;
}

const changed = (target: LaunchTarget, wanted: ReadonlyMap<LaunchTarget, string>): boolean =>
  (wanted.get(target) ?? target.imageId) !== target.imageId;

/** User data is written for one family: another one may not understand it. */
function otherFamilies(
  group: Group,
  parts: readonly PlannedPart[],
  present: ReadonlyMap<string, MachineImage>,
  fresh: ReadonlyMap<string, MachineImage>,
): string[] {
  const familyOf = (image: MachineImage | undefined) => image && publishedAs(image)?.family;
  return parts.flatMap(({ now, next }) => {
    const [was, is] = [familyOf(present.get(now)), familyOf(fresh.get(next))];
    if (!was || !is || was === is) return [];
    return [
      `${group.name} goes from ${was} to ${is}: its user data and instance types stay as they are, so make sure that they fit.`,
    ];
  });
}
