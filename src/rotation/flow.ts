import { type Member, nodeReady, nodesOf } from '../cluster/members.ts';
import type { Node } from '../cluster/objects.ts';
import type { Group } from '../cluster/ports.ts';
import { count, names } from '../text.ts';
import { type Look, WaitTimeout, waitUntil } from '../wait.ts';
import { refuseMovedTarget } from './as-planned.ts';
import type { Context } from './context.ts';
import type { NotCounted } from './gate.ts';
import { InFlight, type Leaving } from './in-flight.ts';
import { type InTurn, turns } from './in-turn.ts';
import { aboutUnjoined } from './never-joined.ts';
import { unreadyMembers } from './new-nodes.ts';
import { heldByZone, type Moves, nextMoves, type Situation } from './next-moves.ts';
import { heldByVolumes, ownNodeOf, withhold } from './not-yet.ts';
import { Pace } from './pace.ts';
import { membersBefore, type Plan, type PlannedGroup, waveSize } from './plan.ts';
import { fitting } from './room.ts';
import { soakLeftMs } from './soak.ts';
import { refuseFailed } from './surge.ts';
import { refuseSuspended } from './suspended.ts';
import { lookAround } from './view.ts';

/** The cluster at one moment, as far as a rotation cares. */
export interface Scene {
  groups: Group[];
  /** Instances that are yet to be seen are among them, `joining`. */
  members: Member[];
  /** What new members lack that do not serve yet, by instance id. */
  unready: Map<string, string>;
  /** Outdated members that are left. */
  outdated: Member[];
}

/** What comes next: something to do, or the end, because nothing is left or because no time is. */
export type Next = { scene: Scene } & ({ moves: Moves } | { end: 'done' | 'time' });

/** New nodes come within moments of each other: the first waits so long for others, because a wave costs more than a node. */
const gatherMs = 2000;
const pollMs = 500;
/** How soon AWS is asked anew whether an instance has gone whose Node has. */
const askAgainMs = 3000;

/** A rotation in progress: what it asked for, what became of it, and what can be done next. */
export class Flow {
  readonly pace = new Pace();
  /** For everything that changes the sizes of groups. */
  readonly inTurn: InTurn = turns();
  readonly #context: Context;
  readonly #plan: Plan;
  readonly #deadline: number;
  readonly #onGone: (gone: Leaving) => Promise<void>;
  readonly #inFlight = new InFlight();
  /** Members that stay: their pods are blocked (on-blocked: skip). */
  readonly #skipped = new Map<string, string>();
  readonly #unreadySince = new Map<string, number>();
  /** Nodes that have served at some time. */
  readonly #served = new Set<string>();
  /** What each group keeps, where somebody has made it smaller since it was planned. */
  readonly #sizes = new Map<string, number>();
  /** Groups whose new configuration has not proven itself; undefined before the first look. */
  #onTrial: Set<string> | undefined;
  /** When new members began to serve for whom nobody has left yet. */
  readonly #servingSince: number[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #saidAt: number | undefined;

  /** @param deadline in epoch milliseconds */
  constructor(context: Context, plan: Plan, deadline: number, onGone: (gone: Leaving) => Promise<void>) {
    this.#context = context;
    this.#plan = plan;
    this.#deadline = deadline;
    this.#onGone = onGone;
  }

  /** Whether there is time, given that members soak at least so long. */
  #timeTo(soakMs: number): { launch: boolean; leave: boolean } {
    const { clock, credentialsLastUntil } = this.#context;
    const answeredUntil = credentialsLastUntil?.() ?? Number.POSITIVE_INFINITY;
    return this.pace.timeTo(clock.now(), soakMs, this.#deadline, answeredUntil);
  }

  launched(group: string, zones: readonly string[]): void {
    this.#inFlight.launched(group, zones, this.#context.clock.now());
  }

  terminated(members: readonly Member[]): void {
    this.#inFlight.terminated(members, this.#context.clock.now());
  }

  skip(member: Member): void {
    this.#skipped.set(member.instanceId, 'was skipped');
  }

  get skips(): boolean {
    return this.#skipped.size > 0;
  }

  /** Members of these groups have left, and the cluster is no worse than before. */
  proven(groups: readonly string[]): void {
    for (const group of groups) this.#onTrial?.delete(group);
  }

  /** Nodes that shut down, and new ones that have not served yet. */
  notCounted(wave: readonly Member[]): NotCounted {
    const leaving = [...wave, ...this.#inFlight.leaving.map((l) => l.member)];
    const away = new Set(leaving.flatMap((m) => m.node?.metadata.name ?? []));
    return (node) => away.has(node) || !this.#served.has(node);
  }

  /** Waits until something can be done or the end has come. @throws WaitTimeout (node-timeout, terminate-timeout), SurgeFailed. */
  next(): Promise<Next> {
    return this.#waitFor(() => this.#look());
  }

  /** Waits until everything that was told to terminate is gone. @throws WaitTimeout (terminate-timeout). */
  async seeOff(): Promise<void> {
    await this.#waitFor(async () => {
      const awaited = this.#awaitedToGo((await this.#see()).members);
      return awaited ? { awaited } : { gone: true };
    });
  }

  /** Looks until nothing is awaited. Whatever changes what is waited for longest begins another wait. */
  async #waitFor<T extends object>(look: () => Promise<T | { awaited: Awaited }>): Promise<T> {
    this.#saidAt = this.#context.clock.now();
    let found = await look();
    while ('awaited' in found) {
      const { awaited } = found;
      found = await this.#wait(awaited, async () => {
        const now = await look();
        return 'awaited' in now && now.awaited.key === awaited.key ? now.awaited : { done: now };
      });
    }
    return found;
  }

  #wait<T>(awaited: Awaited, look: () => Promise<Awaited | { done: T }>): Promise<T> {
    const { clock, signal, settings, say, expected, changed } = this.#context;
    const { kind, what, since } = awaited;
    let hint = '';
    const orItsHint = async (): Promise<Look<T>> => {
      const now = await look();
      if ('done' in now) return now;
      hint = now.hint;
      return { waiting: now.words };
    };
    return waitUntil(orItsHint, {
      what,
      timeoutName: `${kind}-timeout`,
      timeoutMs: settings.timeouts[kind],
      since,
      // What is waited for longest may change again and again.
      saidAt: this.#saidAt,
      expectedMs: expected?.[kind],
      pollMs,
      say: (line) => {
        this.#saidAt = clock.now();
        say(line);
      },
      clock,
      signal,
      wake: changed,
    }).catch((error) => {
      if (error instanceof WaitTimeout && hint) error.message += `\n${hint}`;
      throw error;
    });
  }

  /** What can be launched while a wave is on its way: instances that are gone since have made room. */
  async refill(): Promise<{ scene: Scene; launch: Moves['launch'] }> {
    const { scene, situation } = await this.#situation();
    const { settings } = this.#context;
    // Whoever may leave without a replacement needs that room for a shorter time.
    const groups = situation.groups.filter(({ planned }) => {
      const { surge, size } = waveSize(planned, settings);
      return surge === size;
    });
    return { scene, launch: nextMoves({ ...situation, groups }, settings).launch };
  }

  /** One look, and what follows from it. */
  async #look(): Promise<Next | { awaited: Awaited }> {
    const { scene, situation } = await this.#situation();
    const { launch, leave: free } = await this.#moves(situation);
    const leave = this.#gathered(free, scene.unready.size > 0);
    if (launch.length + leave.length > 0) return { scene, moves: { launch, leave } };
    const left = situation.groups.some((g) => g.members.some((m) => m.state === 'outdated'));
    const { timeTo } = situation;
    const awaited = left && !timeTo.leave ? this.#awaitedToGo(scene.members) : this.#awaited(scene);
    if (awaited) return { awaited };
    if (left && timeTo.launch && timeTo.leave)
      throw new Error(
        `Nothing can be done for ${count(scene.outdated.length, 'outdated node')}: ${names(nodesOf(scene.outdated), 3)}. Look at max-surge, max-unavailable and max-at-once, then run the workflow again.`,
      );
    return { scene, end: left ? 'time' : 'done' };
  }

  async #situation(): Promise<{ scene: Scene; situation: Situation }> {
    const { settings } = this.#context;
    const seen = await this.#see();
    const own = await this.#ownNode(seen.members);
    const candidates = withhold(withhold(seen.members, this.#skipped), own);
    this.#onTrial ??= this.#groupsOnTrial(seen.members);
    return {
      scene: { ...seen, outdated: seen.members.filter((m) => m.state === 'outdated') },
      situation: {
        groups: this.#plan.groups.map((planned) => {
          const members = candidates.filter((m) => m.group === planned.name);
          return {
            planned,
            size: this.#sizeOf(planned, members),
            members,
            canLaunchInZone: seen.groups.find((g) => g.name === planned.name)?.canLaunchInZone ?? false,
            onTrial: this.#onTrial?.has(planned.name) ?? false,
          };
        }),
        unready: new Set(seen.unready.keys()),
        bound: new Set(),
        fitting: 0,
        timeTo: this.#timeTo(settings.soakMs),
        inWaves: settings.soakMs > 0 || settings.intervalMs > 0,
      },
    };
  }

  /** The run itself never has fewer than before: replacements come first, or the group counts them among those to come. */
  #sizeOf(planned: PlannedGroup, members: readonly Member[]): number {
    const staying = members.filter((m) => m.state !== 'leaving' && m.state !== 'standby').length;
    const size = Math.min(this.#sizes.get(planned.name) ?? membersBefore(planned), staying);
    this.#sizes.set(planned.name, size);
    return size;
  }

  async #see(): Promise<Omit<Scene, 'outdated'>> {
    const { kubernetes, settings, clock, into } = this.#context;
    const nodes = (await kubernetes.list('nodes')).items;
    const there = new Set(nodes.map((n) => n.metadata.name));
    const view = await lookAround(this.#context, settings.select, { fresh: this.#mustAskAnew(there) });
    refuseMovedTarget(this.#plan, view);
    refuseSuspended(view.groups, into);
    const now = clock.now();
    const { members, coming, gone } = this.#inFlight.look(this.#plan, view.groups, view.members, there, now);
    for (const one of gone) await this.#onGone(one);
    const unready = await unreadyMembers(this.#context, view.groups, view.members);
    for (const [group, n] of coming) if (n > 0) await this.#refuseFailed(group);
    for (const m of members) {
      if (!isYetToCome(m)) continue;
      unready.set(m.instanceId, `${m.group} has ${coming.get(m.group)} fewer than it wants`);
    }
    this.#time(members, unready, nodes, now);
    return { groups: view.groups, members, unready };
  }

  /** A Node goes after its instance: from then on an older answer of AWS would only be waited for. */
  #mustAskAnew(nodes: ReadonlySet<string>): boolean {
    const now = this.#context.clock.now();
    const first = this.#askedAt === Number.NEGATIVE_INFINITY;
    const ended = this.#inFlight.leaving.some(
      ({ member }) => member.node && !nodes.has(member.node.metadata.name),
    );
    if (!first && (!ended || now - this.#askedAt < askAgainMs)) return false;
    this.#askedAt = now;
    return true;
  }

  async #refuseFailed(group: string): Promise<void> {
    const since = this.#inFlight.comingSince(group);
    if (since !== undefined) refuseFailed(group, await this.#context.aws.activities(group, since));
  }

  /** Since when new members do not serve, and how long it took those that do now. */
  #time(
    members: readonly Member[],
    unready: ReadonlyMap<string, string>,
    nodes: readonly Node[],
    now: number,
  ): void {
    for (const id of unready.keys()) if (!this.#unreadySince.has(id)) this.#unreadySince.set(id, now);
    for (const [id, since] of this.#unreadySince) {
      if (unready.has(id)) continue;
      this.pace.booted(now - since);
      this.#servingSince.push(now);
      this.#unreadySince.delete(id);
    }
    const starting = new Set(
      members.flatMap((m) => (unready.has(m.instanceId) ? (m.node?.metadata.name ?? []) : [])),
    );
    for (const node of nodes)
      if (nodeReady(node) && !starting.has(node.metadata.name)) this.#served.add(node.metadata.name);
  }

  /** The member whose node carries the pod we run in: evicting it would end the run, so it stays for a runner elsewhere. */
  async #ownNode(members: readonly Member[]): Promise<Map<string, string>> {
    const { self, kubernetes } = this.#context;
    const node = ownNodeOf(self, (await kubernetes.list('pods')).items);
    const own = members.find((m) => m.state === 'outdated' && m.node?.metadata.name === node);
    return node && own ? new Map([[own.instanceId, 'carries this runner']]) : new Map();
  }

  #groupsOnTrial(members: readonly Member[]): Set<string> {
    if (!this.#context.settings.canary) return new Set();
    const proven = new Set(members.filter((m) => m.state === 'current').map((m) => m.group));
    return new Set(this.#plan.groups.map((g) => g.name).filter((name) => !proven.has(name)));
  }

  async #moves(without: Situation): Promise<Moves> {
    const { settings, clock } = this.#context;
    const situation = { ...without, fitting: await this.#fitting(without) };
    const free = nextMoves(situation, settings);
    if (free.leave.length === 0) return free;
    const held = await heldByVolumes(this.#context, this.#surged(situation));
    const bound = new Set(held.keys());
    const moves = nextMoves({ ...situation, bound }, settings);
    const soakMs = soakLeftMs(
      moves.leave.map((m) => m.node),
      settings.soakMs,
      clock.now(),
    );
    if (!this.#timeTo(soakMs).leave) return { ...moves, leave: [] };
    return moves.launch.length + moves.leave.length > 0
      ? moves
      : { launch: this.#anotherZone({ ...situation, bound }, held), leave: [] };
  }

  /** How many may leave without a replacement: as many as new nodes have room for, or all where waiting would bring no room. */
  async #fitting(situation: Situation): Promise<number> {
    const { settings, kubernetes } = this.#context;
    const sure = nextMoves(situation, settings);
    const all = nextMoves({ ...situation, fitting: Number.POSITIVE_INFINITY }, settings).leave;
    const others = all.filter((m) => !sure.leave.includes(m));
    if (others.length === 0) return 0;
    const members = situation.groups.flatMap((g) => g.members);
    const fresh = members.filter(
      (m) => m.upToDate && m.state === 'current' && !situation.unready.has(m.instanceId),
    );
    const on = Map.groupBy((await kubernetes.list('pods')).items, (p) => p.spec.nodeName ?? '');
    const n = fitting(fresh, sure.leave, others, (node) => on.get(node) ?? []);
    const waits = situation.unready.size > 0 || members.some((m) => m.state === 'leaving');
    return n > 0 || waits || sure.leave.length + sure.launch.length > 0 ? n : others.length;
  }

  /** Without surge nobody waits for a replacement. */
  #surged({ groups }: Situation): Member[] {
    return groups.flatMap((g) => (waveSize(g.planned, this.#context.settings).surge > 0 ? g.members : []));
  }

  /**
   * One node more for a group whose outdated members are all held by volumes of their zone: AWS launches where the group has
   * the fewest, so the next one may come to the right zone.
   * @throws Error when max-surge allows no more.
   */
  #anotherZone(situation: Situation, reasons: ReadonlyMap<string, string>): Moves['launch'] {
    const { settings, say } = this.#context;
    return heldByZone(situation, settings).map((held) => {
      const {
        planned,
        members = [],
        size = 0,
      } = situation.groups.find((g) => g.planned.name === held.group) ?? {};
      const spare = Math.max(0, members.filter((m) => m.state !== 'standby').length - size);
      const { name } = held.node?.metadata ?? { name: held.instanceId };
      const why = reasons.get(held.instanceId);
      if (planned && spare >= waveSize(planned, settings).surge) {
        throw new Error(
          `${name} in ${held.zone} cannot leave: ${why}, and AWS chose other zones for the new nodes of ${held.group}. ` +
            `Raise max-surge to ${Math.max(spare + 1, Object.keys(planned.zones).length)}, or give each zone a group of its own, then run the workflow again.`,
        );
      }
      say(`${name} in ${held.zone} must wait: ${why}. Asking for one node more.`);
      return { group: held.group, zones: [held.zone] };
    });
  }

  /** Those that may leave wait a moment for others, from when the first of their replacements served. */
  #gathered(leave: Member[], moreCome: boolean): Member[] {
    const since = this.#servingSince[0] ?? Number.NEGATIVE_INFINITY;
    if (moreCome && this.#context.clock.now() - since < gatherMs) return [];
    this.#servingSince.splice(0, leave.length);
    return leave;
  }

  /** What is waited for longest: new nodes, else instances that terminate. */
  #awaited({ members, unready }: Pick<Scene, 'members' | 'unready'>): Awaited | undefined {
    const since = Math.min(...[...unready.keys()].map((id) => this.#unreadySince.get(id) ?? 0));
    if (unready.size === 0) return this.#awaitedToGo(members);
    return {
      kind: 'node',
      what: 'the new nodes',
      since,
      key: `node ${since}`,
      words: names([...new Set(unready.values())], 3),
      hint: aboutUnjoined(members.filter((m) => unready.has(m.instanceId))),
    };
  }

  #awaitedToGo(members: readonly Member[]): Awaited | undefined {
    const { leaving } = this.#inFlight;
    const [longest] = leaving;
    if (!longest) return undefined;
    const words = leaving.map(({ member }) => {
      const present = members.find((m) => m.instanceId === member.instanceId);
      return present
        ? `${member.instanceId} is ${present.lifecycle}`
        : `Node ${member.node?.metadata.name} is still there`;
    });
    return {
      kind: 'terminate',
      what: `${names(
        leaving.map(({ member }) => member.node?.metadata.name ?? member.instanceId),
        3,
      )} to be gone`,
      since: longest.since,
      key: `terminate ${longest.since}`,
      words: names(words, 3),
      hint: '',
    };
  }
}

interface Awaited {
  kind: 'node' | 'terminate';
  what: string;
  since: number;
  /** Changes with what is waited for longest. */
  key: string;
  words: string;
  /** What a person can look at when it does not come. */
  hint: string;
}

/** An instance that AWS has not shown yet. */
const isYetToCome = ({ lifecycle, launchedAt }: Member): boolean =>
  lifecycle === 'Pending' && launchedAt === 0;
