import type { Member } from '../cluster/members.ts';
import type { Group, LaunchTarget } from '../cluster/ports.ts';
import { scaled } from '../cluster/quantities.ts';
import type { ControlPlanePlan } from './control-plane/plan.ts';
import type { PlannedLaunch } from './image/intent.ts';
import type { MovedFrom } from './move-into.ts';
import { digestOf } from './plan-digest.ts';

export interface PlannedGroup {
  name: string;
  /** Sizes before the run, and the most members it will have during it. */
  min: number;
  max: number;
  desired: number;
  peak: number;
  /** Members per zone before the run; each wave ends with the same numbers. */
  zones: Record<string, number>;
  imageId: string;
  template: string;
  /** Other groups whose nodes move into this one; sizes and zones are those of all together. */
  from?: MovedFrom[];
  /** Instance ids, oldest first. */
  outdated: string[];
  /** What these ran, the most common first: a rollback returns to it. */
  ran: Ran[];
  /** The copies that it will launch from, when it gets another image. */
  launch?: PlannedLaunch;
}

/** What some outdated members of a group were launched from. */
export interface Ran {
  template?: { id: string; name: string; version: string };
  launchConfiguration?: string;
  imageId: string;
  instanceTypes: string[];
  members: number;
}

/** Pure data: which members are replaced, in which waves. */
export interface Plan {
  groups: PlannedGroup[];
  /** A canary tries a configuration that no node of its group runs yet. */
  waves: { group: string; instanceId: string; node: string; zone: string; canary?: true }[][];
  digest: string;
  /** When the newest member was launched; what is launched later came with the rotation. */
  newest: number;
  /** Members launched before this are replaced whatever they run (force, max-node-age). */
  launchedBefore?: number;
  /** The image that was asked for, as it was named. */
  ami?: string;
  /** What goes before everything else, one member at a time; absent when the control plane is left alone. */
  controlPlane?: ControlPlanePlan;
}

/** What bounds a wave. */
export interface WaveLimits {
  maxSurge: number | string;
  maxUnavailable: number | string;
  /** Members of all groups together. */
  maxAtOnce?: number | undefined;
  /** Whether the first of a configuration that no node runs yet goes alone. */
  canary: boolean;
}

/** How many members of a group may be replaced at once, and how many of them get their replacement first. */
export function waveSize(
  group: { desired: number },
  limits: Pick<WaveLimits, 'maxSurge' | 'maxUnavailable'>,
): { surge: number; size: number } {
  const surge = scaled(limits.maxSurge, group.desired, 'up');
  const unavailable = scaled(limits.maxUnavailable, group.desired, 'down');
  // A percentage that rounds to nothing must not stop the rotation.
  return surge + unavailable > 0 ? { surge, size: surge + unavailable } : { surge: 1, size: 1 };
}

/**
 * Plans the replacement of every outdated member: each wave takes the next of every group.
 * @param launches by group: the copies that groups will be pointed at, when they get another image
 * @param together nodes that all get their replacement before the first wave, because what they carry moves first
 * @param from groups whose nodes move into the only one that is planned
 */
export function planRotation(
  groups: readonly Group[],
  members: readonly Member[],
  limits: WaveLimits,
  together: ReadonlySet<string> = new Set(),
  from: MovedFrom[] = [],
  launches: ReadonlyMap<string, PlannedLaunch> = new Map(),
): Plan {
  return completed(
    groups.map((group) => ({
      ...planGroup(group, members, launches.get(group.name)),
      ...(from.length > 0 ? { from } : {}),
    })),
    members,
    limits,
    together,
  );
}

/** What a group counted before the run. */
export type Sizes = Pick<PlannedGroup, 'name' | 'min' | 'max' | 'desired' | 'zones'>;

export const sizesOf = (groups: readonly Group[], members: readonly Member[]): Sizes[] =>
  groups.map((group) => {
    const { name, min, max, desired, zones } = planGroup(group, members);
    return { name, min, max, desired, zones };
  });

/**
 * Plans the way back: the outdated members are those that came with the rotation, and each group ends with the sizes of
 * before, of which the old members that are still there are a part.
 * @param at makes it another plan than any before it, which may have launched and lost the same instances
 */
export function planReturn(
  sizes: readonly Sizes[],
  groups: readonly Group[],
  members: readonly Member[],
  limits: WaveLimits,
  at: number,
): Plan {
  const bare = sizes.flatMap((before) => {
    const group = groups.find((g) => g.name === before.name);
    return group ? [{ ...planGroup(group, members), ...before, peak: before.desired }] : [];
  });
  return completed(bare, members, limits, new Set(), at);
}

/** Adds waves and peaks to the groups of a plan. */
function completed(
  bare: PlannedGroup[],
  members: readonly Member[],
  limits: WaveLimits,
  together: ReadonlySet<string>,
  at?: number,
): Plan {
  const waves = wavesOf(bare, members, limits);
  const planned = bare.map((group) => {
    const first = members.filter(
      (m) => group.outdated.includes(m.instanceId) && together.has(m.node?.metadata.name ?? ''),
    ).length;
    const { surge } = waveSize(group, limits);
    const inWaves = waves.map((wave) => Math.min(surge, wave.filter((m) => m.group === group.name).length));
    return { ...group, peak: group.desired + Math.max(first, ...inWaves) };
  });
  const digest = digestOf(planned, at === undefined ? limits : { ...limits, at });
  return { groups: planned, waves, digest, newest: Math.max(0, ...members.map((m) => m.launchedAt)) };
}

/** What a new instance of the group would be, in the words of the plan. */
export const targetOf = ({ target, overrides = [] }: Group): { imageId: string; template: string } => ({
  imageId: target.imageId,
  template: [
    templateOf(target),
    ...overrides.map((o) => `${templateOf(o.target)} for ${o.instanceType ?? 'others'}`),
  ].join(', '),
});

const templateOf = ({ template, launchConfiguration = '' }: LaunchTarget): string =>
  template ? `${template.name}:${template.version}` : launchConfiguration;

function planGroup(group: Group, all: readonly Member[], launch?: PlannedLaunch): PlannedGroup {
  const members = all.filter((m) => m.group === group.name);
  const outdated = members.filter((m) => m.state === 'outdated');
  const zones: Record<string, number> = {};
  for (const m of staying(members)) zones[m.zone] = (zones[m.zone] ?? 0) + 1;
  return {
    name: group.name,
    min: group.min,
    max: group.max,
    desired: group.desired,
    peak: group.desired,
    zones,
    ...targetOf(group),
    outdated: outdated.map((m) => m.instanceId),
    ran: ranBy(group, outdated),
    ...(launch ? { launch } : {}),
  };
}

/** What these members were launched from; each once, with the number of members and their instance types. */
function ranBy(group: Group, members: readonly Member[]): Ran[] {
  const found = new Map<string, Ran>();
  for (const { instanceId, imageId } of members) {
    const inGroup = group.instances.find((i) => i.id === instanceId);
    const { template, launchConfiguration, instanceType } = inGroup ?? {};
    const key = JSON.stringify([template, launchConfiguration, imageId]);
    const ran = found.get(key) ?? {
      ...(template
        ? { template: { id: template.id ?? '', name: template.name ?? '', version: template.version } }
        : {}),
      ...(launchConfiguration ? { launchConfiguration } : {}),
      imageId,
      instanceTypes: [],
      members: 0,
    };
    if (instanceType && !ran.instanceTypes.includes(instanceType)) ran.instanceTypes.push(instanceType);
    ran.members++;
    found.set(key, ran);
  }
  return [...found.values()].sort((a, b) => b.members - a.members);
}

/** Members that hold or will hold pods: everything that is not on its way out. */
const staying = (members: readonly Member[]): Member[] =>
  members.filter((m) => m.state !== 'leaving' && m.state !== 'standby');

/** How many members the group had before the run. */
export const membersBefore = ({ zones }: Pick<PlannedGroup, 'zones'>): number =>
  Object.values(zones).reduce((sum, n) => sum + n, 0);

/** How many more members than before the run each zone has now. */
export function surplusPerZone(group: PlannedGroup, members: readonly Member[]): Map<string, number> {
  const surplus = new Map<string, number>();
  const present = staying(members.filter((m) => m.group === group.name));
  for (const zone of new Set([...Object.keys(group.zones), ...present.map((m) => m.zone)])) {
    surplus.set(zone, present.filter((m) => m.zone === zone).length - (group.zones[zone] ?? 0));
  }
  return surplus;
}

/** How many more members than before the run the whole group has now. */
export const surplusOf = (group: PlannedGroup, members: readonly Member[]): number =>
  [...surplusPerZone(group, members).values()].reduce((sum, n) => sum + n, 0);

/**
 * The zones in which to launch so that every leaving member has its replacement beside it; what is there already counts.
 * Never fewer than the group as a whole needs: where one zone has one too many because another has too few, that is no spare.
 * Where AWS chooses the zone only the number means something.
 */
export function launchesFor(
  group: PlannedGroup,
  members: readonly Member[],
  leaving: readonly Member[],
  canLaunchInZone: boolean,
): string[] {
  const own = leaving.filter((m) => m.group === group.name);
  const needed = Math.max(0, own.length - Math.max(0, surplusOf(group, members)));
  if (!canLaunchInZone) return own.slice(0, needed).map((m) => m.zone);
  const surplus = surplusPerZone(group, members);
  const zones: string[] = [];
  const add = (zone: string, n: number) => surplus.set(zone, (surplus.get(zone) ?? 0) + n);
  for (const { zone } of own) {
    add(zone, -1);
    if ((surplus.get(zone) ?? 0) >= 0) continue;
    zones.push(zone);
    add(zone, 1);
  }
  while (zones.length < needed) {
    const [poorest = ''] = [...surplus].sort(([, one], [, other]) => one - other)[0] ?? [];
    zones.push(poorest);
    add(poorest, 1);
  }
  return zones;
}

/**
 * How many members of each group leave next: those whose replacements are waiting already, else the numbers of waveSize. Of a
 * group whose configuration no node runs yet it is one, the canary: a bad image must not take more than that.
 */
export function waveSizes(
  plan: Pick<Plan, 'groups'>,
  members: readonly Member[],
  limits: WaveLimits,
): Map<string, number> {
  const sizes = new Map<string, number>();
  let room = limits.maxAtOnce ?? Number.POSITIVE_INFINITY;
  for (const group of plan.groups) {
    const own = members.filter((m) => m.group === group.name);
    const outdated = own.filter((m) => m.state === 'outdated').length;
    const waiting = Math.min(outdated, Math.max(0, surplusOf(group, own)));
    const proven = !limits.canary || own.some((m) => m.state === 'current');
    const asked = Math.min(outdated, proven ? waveSize(group, limits).size : 1);
    const size = Math.max(waiting, Math.min(asked, room));
    room = Math.max(0, room - size);
    sizes.set(group.name, size);
  }
  return sizes;
}

/** Which members those are: first where a replacement is already waiting beside them, then the oldest. */
export function whoLeaves(
  plan: Pick<Plan, 'groups'>,
  members: readonly Member[],
  sizes: ReadonlyMap<string, number>,
): Member[] {
  return plan.groups.flatMap((group) => {
    const outdated = members.filter((m) => m.group === group.name && m.state === 'outdated');
    const surplus = surplusPerZone(group, members);
    const matched: Member[] = [];
    for (const member of outdated) {
      const spare = surplus.get(member.zone) ?? 0;
      if (spare <= 0) continue;
      surplus.set(member.zone, spare - 1);
      matched.push(member);
    }
    const rest = outdated.filter((m) => !matched.includes(m));
    return [...matched, ...rest].slice(0, sizes.get(group.name) ?? 0);
  });
}

/** The waves as they will be if nothing else happens: after each, its members are gone and their replacements are there. */
function wavesOf(groups: PlannedGroup[], members: readonly Member[], limits: WaveLimits): Plan['waves'] {
  const waves: Plan['waves'] = [];
  let left = members.filter((m) => groups.some((g) => g.name === m.group));
  for (;;) {
    const wave = whoLeaves({ groups }, left, waveSizes({ groups }, left, limits));
    if (wave.length === 0) return waves;
    const proven = new Set(left.filter((m) => m.state === 'current').map((m) => m.group));
    waves.push(
      wave.map((m) => ({
        group: m.group,
        instanceId: m.instanceId,
        node: m.node?.metadata.name ?? '',
        zone: m.zone,
        ...(limits.canary && !proven.has(m.group) ? { canary: true as const } : {}),
      })),
    );
    left = left.map((m) => (wave.includes(m) ? { ...m, state: 'current', upToDate: true } : m));
  }
}
