import type { Member } from '../cluster/members.ts';
import { taintKey } from './context.ts';
import { launchesFor, type PlannedGroup, type WaveLimits, waveSize, whoLeaves } from './plan.ts';

/** A group at one moment of its rotation. */
export interface GroupNow {
  planned: PlannedGroup;
  /** Members that it keeps: as many as before the run, or fewer when somebody has made it smaller since. */
  size: number;
  /** Members that somebody holds back are counted, and are not `outdated`; instances that are yet to be seen are `joining`. */
  members: readonly Member[];
  canLaunchInZone: boolean;
  /** No node of it runs the new configuration yet, or the first that left has not passed the gate. */
  onTrial: boolean;
}

export interface Situation {
  groups: readonly GroupNow[];
  /** New members that do not serve yet, by instance id. */
  unready: ReadonlySet<string>;
  /** Outdated members whose volumes could follow them nowhere now. */
  bound: ReadonlySet<string>;
  /** How many may leave without a replacement so that new nodes have room for their pods. */
  fitting: number;
  /** Whether there is time for a replacement from its launch on, and for a member whose replacement is there to leave. */
  timeTo: { launch: boolean; leave: boolean };
  /** Nobody leaves before all replacements that were asked for serve: whole waves, where there is a pause after each. */
  inWaves: boolean;
}

export interface Moves {
  /** The zones to launch in; where AWS chooses the zone only their number means something. */
  launch: { group: string; zones: string[] }[];
  leave: Member[];
}

/**
 * What can be done now, by the arithmetic of a Deployment's rolling update: there are never more members than before the run
 * plus max-surge, those that are still shutting down included, and never fewer that serve than before less max-unavailable
 * (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment). Every replacement that
 * serves lets one outdated member leave, every instance that is gone makes room for the next replacement.
 */
export function nextMoves(situation: Situation, limits: WaveLimits): Moves {
  const moves: Moves = { launch: [], leave: [] };
  const allInFlight = situation.groups.reduce((sum, g) => sum + inFlight(g, situation.unready), 0);
  let room = Math.max(0, (limits.maxAtOnce ?? Number.POSITIVE_INFINITY) - allInFlight);
  let { fitting } = situation;
  for (const group of situation.groups) {
    const leave = leavingOf(group, { ...situation, fitting }, limits, room);
    const alone = Math.max(0, leave.length - spares(group, group.members));
    fitting -= alone;
    room -= alone;
    const zones = launchesOf(group, leave, situation, limits, room);
    room -= zones.length;
    if (zones.length > 0) moves.launch.push({ group: group.planned.name, zones });
    moves.leave.push(...leave);
  }
  const waits = situation.inWaves && (moves.launch.length > 0 || situation.unready.size > 0);
  return waits ? { ...moves, leave: [] } : moves;
}

/** Outdated members that nothing but their volumes keeps from leaving: another zone's replacement does not help them. */
export function heldByZone({ groups, unready, bound }: Situation, limits: WaveLimits): Member[] {
  return groups.flatMap(({ planned, members, ...rest }) => {
    const free = {
      groups: [],
      unready,
      bound: new Set<string>(),
      timeTo: always,
      inWaves: false,
      fitting: 0,
    };
    const outdated = members.filter((m) => m.state === 'outdated');
    const stuck = outdated.length > 0 && outdated.every((m) => bound.has(m.instanceId));
    const comes = members.some((m) => unready.has(m.instanceId) || m.state === 'leaving');
    if (!stuck || comes) return [];
    return leavingOf({ planned, members, ...rest }, free, limits, Number.POSITIVE_INFINITY).slice(0, 1);
  });
}

const always = { launch: true, leave: true };

/** How many of the group may be more than before, and how many fewer may serve; the canary goes alone. */
function bounds({ planned, onTrial }: GroupNow, limits: WaveLimits): { surge: number; unavailable: number } {
  const { surge, size } = waveSize(planned, limits);
  if (!onTrial) return { surge, unavailable: size - surge };
  return surge > 0 ? { surge: 1, unavailable: 0 } : { surge: 0, unavailable: 1 };
}

const isStaying = (m: Member): boolean => m.state !== 'leaving' && m.state !== 'standby';

/** Members that serve: an outdated one counts as long as it is there. */
const available = ({ members }: GroupNow, unready: ReadonlySet<string>): number =>
  members.filter((m) => isStaying(m) && !unready.has(m.instanceId)).length;

/** Members beyond those that it keeps: replacements, whether they serve or not. */
const spares = ({ size }: GroupNow, members: readonly Member[]): number =>
  Math.max(0, members.filter(isStaying).length - size);

/** The same with those that shut down. */
const above = ({ size, members }: GroupNow): number =>
  Math.max(0, members.filter((m) => m.state !== 'standby').length - size);

const inFlight = (group: GroupNow, unready: ReadonlySet<string>): number =>
  Math.max(above(group), group.size - available(group, unready));

function leavingOf(
  group: GroupNow,
  { unready, bound, timeTo, fitting }: Situation,
  limits: WaveLimits,
  room: number,
): Member[] {
  if (!timeTo.leave) return [];
  const ready = available(group, unready) - group.size;
  const { surge, unavailable } = bounds(group, limits);
  // Whoever leaves without a replacement is one more at once: its group launches one while it shuts down. There must be time for it.
  const free = surge > 0 ? Math.max(0, surge - above(group)) : unavailable;
  const spare = Math.max(0, unavailable + Math.min(0, ready));
  const without = timeTo.launch ? Math.min(spare, room, fitting, free) : 0;
  const allowed = Math.max(0, ready) + without;
  const size = group.onTrial ? Math.min(1, allowed) : allowed;
  // First those that have begun to leave, in a run that was killed or for Redis, so that nothing stays half empty.
  const candidates = group.members
    .filter((m) => !unready.has(m.instanceId))
    .map((m) => (bound.has(m.instanceId) ? { ...m, state: 'joining' as const } : m))
    .sort((a, b) => Number(hasBegun(b)) - Number(hasBegun(a)));
  return whoLeaves({ groups: [group.planned] }, candidates, new Map([[group.planned.name, size]]));
}

const hasBegun = ({ node }: Member): boolean =>
  node?.spec.taints?.some((t) => t.key === taintKey && t.effect === 'NoSchedule') ?? false;

function launchesOf(
  group: GroupNow,
  leave: readonly Member[],
  { timeTo }: Situation,
  limits: WaveLimits,
  room: number,
): string[] {
  if (!timeTo.launch) return [];
  const { planned, canLaunchInZone } = group;
  const ids = new Set(leave.map((m) => m.instanceId));
  const members = group.members.map((m) => (ids.has(m.instanceId) ? { ...m, state: 'leaving' as const } : m));
  const outdated = members.filter((m) => m.state === 'outdated');
  const present = spares(group, members);
  const alone = Math.max(0, leave.length - spares(group, group.members));
  const free = bounds(group, limits).surge - above(group) - alone;
  const launch = Math.max(0, Math.min(outdated.length - present, free, room));
  if (launch === 0) return [];
  const next = whoLeaves({ groups: [planned] }, members, new Map([[planned.name, present + launch]]));
  return launchesFor(planned, members, next, canLaunchInZone).slice(0, launch);
}
