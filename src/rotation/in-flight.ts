import type { Member } from '../cluster/members.ts';
import type { Group } from '../cluster/ports.ts';
import { groupNames } from './move-into.ts';
import { type Plan, type PlannedGroup, surplusPerZone } from './plan.ts';

/** A member whose instance was told to terminate. */
export interface Leaving {
  member: Member;
  since: number;
}

/** The view with what is known beyond it. */
export interface Known {
  members: Member[];
  /** By group: how many instances are still to be seen, because AWS has only just been asked or replaces one that failed. */
  coming: Map<string, number>;
  /** Those that are gone since the last look, instance and Node. */
  gone: Leaving[];
}

/** An answer of AWS may be older than the one before by so much: what it does not show any more is not gone yet. */
const olderMs = 15_000;

/**
 * What this run has asked AWS for and does not see done yet: its answers may be some seconds old, and a member that was told to
 * terminate must not be chosen again, nor a replacement be launched twice.
 */
export class InFlight {
  /** By group and instance: when it was seen last, and where. */
  readonly #seen = new Map<string, Map<string, { zone: string; at: number }>>();
  readonly #asked = new Map<string, string[]>();
  readonly #comingSince = new Map<string, number>();
  readonly #leaving = new Map<string, Leaving>();
  readonly #left = new Set<string>();

  /** @param zones those that were asked for; where AWS chooses, only their number counts */
  launched(group: string, zones: readonly string[], now: number): void {
    this.#asked.set(group, [...(this.#asked.get(group) ?? []), ...zones]);
    if (!this.#comingSince.has(group)) this.#comingSince.set(group, now);
  }

  terminated(members: readonly Member[], now: number): void {
    for (const member of members) this.#leaving.set(member.instanceId, { member, since: now });
  }

  /** Those that were told to terminate and are still there, longest first. */
  get leaving(): Leaving[] {
    return [...this.#leaving.values()];
  }

  /** Since when instances of this group are expected; undefined when none is. */
  comingSince(group: string): number | undefined {
    return this.#comingSince.get(group);
  }

  /**
   * @param nodes names of the Nodes that there are
   * @throws Error when an instance is back in service that had gone.
   */
  look(
    plan: Pick<Plan, 'groups'>,
    groups: readonly Group[],
    all: readonly Member[],
    nodes: ReadonlySet<string>,
    now: number,
  ): Known {
    const gone = this.leaving.filter(
      ({ member }) =>
        !all.some((m) => m.instanceId === member.instanceId) && !nodes.has(member.node?.metadata.name ?? ''),
    );
    for (const { member } of gone) {
      this.#leaving.delete(member.instanceId);
      this.#left.add(member.instanceId);
    }
    refuseTwice(all, this.#left);
    // Those that somebody else terminates are none of our business: their group replaces them.
    const members = all.flatMap((m): Member[] => {
      if (this.#leaving.has(m.instanceId)) return [{ ...m, state: 'leaving' }];
      return m.state === 'leaving' || this.#left.has(m.instanceId) ? [] : [m];
    });
    const coming = new Map<string, number>();
    for (const planned of plan.groups) {
      const own = groups.filter((g) => groupNames(planned).includes(g.name));
      const zones = this.#yetToCome(planned, own, members, now);
      if (zones.length === 0) this.#comingSince.delete(planned.name);
      else if (!this.#comingSince.has(planned.name)) this.#comingSince.set(planned.name, now);
      coming.set(planned.name, zones.length);
      members.push(...zones.map((zone, n) => expected(planned.name, zone, n)));
    }
    return { members, coming, gone };
  }

  /** The zones of the instances that are to be seen yet, or again. */
  #yetToCome(
    planned: PlannedGroup,
    groups: readonly Group[],
    members: readonly Member[],
    now: number,
  ): string[] {
    const present = groups.flatMap((g) => g.instances);
    const first = !this.#seen.has(planned.name);
    const seen = this.#seen.get(planned.name) ?? new Map<string, { zone: string; at: number }>();
    this.#seen.set(planned.name, seen);
    const asked = this.#asked.get(planned.name) ?? [];
    for (const { id, zone } of present) {
      if (first || seen.has(id)) continue;
      // Where AWS chose another zone it is that one all the same.
      asked.splice(Math.max(0, asked.indexOf(zone)), 1);
    }
    for (const { id, zone, lifecycle } of present)
      seen.set(id, { zone, at: lifecycle.startsWith('Terminat') ? Number.NEGATIVE_INFINITY : now });
    const hidden = [...seen].filter(
      ([id, { at }]) => at < now && now - at < olderMs && !this.#leaving.has(id) && !this.#left.has(id),
    );
    const zones = [...asked, ...hidden.map(([, { zone }]) => zone)];
    const wanted = groups.reduce((sum, g) => sum + g.desired, 0);
    const there = present.filter((i) => !i.lifecycle.startsWith('Terminat') && !this.#leaving.has(i.id));
    while (zones.length < wanted - there.length) zones.push(poorest(planned, members, zones));
    return zones;
  }
}

/** AWS launches where the group has the fewest. */
function poorest(planned: PlannedGroup, members: readonly Member[], coming: readonly string[]): string {
  const surplus = surplusPerZone(planned, members);
  for (const zone of coming) surplus.set(zone, (surplus.get(zone) ?? 0) + 1);
  return [...surplus].sort(([, a], [, b]) => a - b)[0]?.[0] ?? '';
}

const expected = (group: string, zone: string, n: number): Member => ({
  group,
  instanceId: `expected ${n + 1} of ${group}`,
  zone,
  lifecycle: 'Pending',
  launchedAt: 0,
  imageId: '',
  state: 'joining',
  upToDate: true,
});

/** An instance that stays in service after its termination would be drained for ever. */
function refuseTwice(members: readonly Member[], left: ReadonlySet<string>): void {
  const again = members.find((m) => m.state === 'outdated' && left.has(m.instanceId));
  if (again)
    throw new Error(
      `Instance ${again.instanceId} of ${again.group} was terminated and is still in service; look at its lifecycle hooks, then run the workflow again.`,
    );
}
