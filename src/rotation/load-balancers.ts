import type { Member } from '../cluster/members.ts';
import { AwsError, type Balancers, type TargetHealth } from '../cluster/ports.ts';
import { scaled } from '../cluster/quantities.ts';
import { names } from '../text.ts';
import { type Look, WaitTimeout, waitUntil } from '../wait.ts';
import type { Context } from './context.ts';
import { homeOf } from './move-into.ts';
import type { Plan } from './plan.ts';
import { updateNode } from './update-node.ts';
import type { View } from './view.ts';

/**
 * Makes service controllers take a node out of their load balancers; its value does not matter to them, so it carries the run
 * id (https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers).
 * Neither a cordon nor a taint of ours does that since Kubernetes 1.19 (https://github.com/kubernetes/kubernetes/pull/90823).
 */
export const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

const prefix = 'node/';
const keyOf = (member: Member): string => `${prefix}${nameOf(member)}/load-balancers`;
const nameOf = (member: Member): string => member.node?.metadata.name ?? member.instanceId;

/** Every look asks each target group, and draining lasts minutes. */
const patience = { pollMs: 5000 };
const muchPatience = { pollMs: 10_000 };

/** Requests would be lost, or too few nodes would be left to take them. */
export class DeregistrationFailed extends Error {}

/** The members of a wave that are targets, and what to heed while they leave. */
interface Leaving {
  members: Member[];
  balancers: Balancers;
  /** Per load balancer, how many healthy targets must be left. */
  least: ReadonlyMap<string, number>;
}

/** What `leaveBalancers` hands to `leaveBalancersAtLast`: members whose pods must move first. */
export type LeaveAtLast = Leaving | undefined;

/** A target that gets no new requests: not in any more, or on its way out. */
const isOut = ({ state }: TargetHealth): boolean => state === 'draining' || state === 'unused';

/**
 * How many healthy targets each load balancer must keep: of those it has, the ones that this wave took out included. Never
 * more than stay whatever happens, or nobody could leave; and one at least, unless none is asked for.
 */
export function leastHealthy(
  health: readonly TargetHealth[],
  wave: ReadonlySet<string>,
  minimum: number | string,
): Map<string, number> {
  const least = new Map<string, number>();
  for (const { id } of health) {
    const own = health.filter((h) => h.id === id);
    const staying = own.filter((h) => h.state === 'healthy' && !wave.has(h.instanceId));
    const leaving = own.filter(
      (h) => (h.state === 'healthy' || h.state === 'draining') && wave.has(h.instanceId),
    );
    const asked = scaled(minimum, distinct(staying) + distinct(leaving), 'up');
    least.set(id, Math.min(asked, Math.max(1, distinct(staying))));
  }
  return least;
}

const distinct = (targets: readonly TargetHealth[]): number => new Set(targets.map((h) => h.instanceId)).size;

/**
 * Load balancers that would have too few healthy targets without this one, in a line each. One that is not healthy itself
 * takes nothing with it: with externalTrafficPolicy Local that is every node without a pod of the Service.
 */
export function tooFewWithout(
  instanceId: string,
  health: readonly TargetHealth[],
  least: ReadonlyMap<string, number>,
): string[] {
  const healthy = health.filter((h) => h.state === 'healthy');
  const own = new Map(healthy.filter((h) => h.instanceId === instanceId).map((h) => [h.id, h.loadBalancer]));
  return [...own].flatMap(([id, name]) => {
    const others = healthy.filter((h) => h.id === id && h.instanceId !== instanceId);
    const left = distinct(others);
    const needed = least.get(id) ?? 0;
    return left < needed ? [`${name} would have ${left} healthy targets left, and needs ${needed}`] : [];
  });
}

/**
 * Nodes that do not serve yet in the load balancers that members of their group leave. Unhealthy is an answer, too: with
 * externalTrafficPolicy Local a node is healthy only while it runs a pod of the Service.
 * @param newest members launched later came with the rotation, and must be registered where those that they replace are
 */
export function notYetIn(
  staying: readonly Member[],
  wave: readonly Member[],
  health: readonly TargetHealth[],
  newest: number,
): string[] {
  return staying.flatMap((member) => {
    const predecessors = new Set(wave.filter((m) => homeOf(m) === homeOf(member)).map((m) => m.instanceId));
    const theirs = health.filter((h) => predecessors.has(h.instanceId) && h.state !== 'unused');
    return [...new Map(theirs.map((h) => [h.id, h.loadBalancer]))].flatMap(([id, name]) => {
      const own = health.filter((h) => h.id === id && h.instanceId === member.instanceId);
      if (own.length === 0 && member.launchedAt <= newest) return [];
      if (own.length > 0 && own.every((h) => h.state !== 'initial')) return [];
      return [`${nameOf(member)} is ${own[0]?.state ?? 'not registered'} in ${name}`];
    });
  });
}

/**
 * Takes the members of a wave out of the load balancers that send requests to nodes, one after the other, before their pods
 * leave: connections that come in through a node end before what serves them goes away. A group that terminates an instance
 * deregisters it as well, but only then, and the controllers of Services hear of it only when the node is gone. Members
 * without which a load balancer would have too few healthy targets are returned: their pods move first.
 * Where nothing sends requests to nodes this costs two lists.
 * @throws WaitTimeout (node-timeout, for new nodes that do not serve), DeregistrationFailed (deregistration-timeout).
 */
export async function leaveBalancers(
  context: Context,
  plan: Plan,
  view: Pick<View, 'groups' | 'members'>,
  wave: readonly Member[],
): Promise<LeaveAtLast> {
  const { aws, settings, say } = context;
  const { balancers, byControllers } = await balancersOf(context, view, wave);
  if (isEmpty(balancers)) return undefined;
  const ids = new Set(wave.map((m) => m.instanceId));
  let health = await aws.targetHealth(balancers);
  const targets = wave.filter((m) =>
    health.some((h) => h.instanceId === m.instanceId && h.state !== 'unused'),
  );
  // A controller may be about to register one that is no target now, as when this label has just been taken off it.
  if (byControllers) for (const member of wave) if (!targets.includes(member)) await exclude(context, member);
  if (targets.length === 0) return undefined;
  health = await whenSuccessorsServe(context, plan, view, targets, balancers, health);
  const least = leastHealthy(health, ids, settings.minHealthyTargets);
  const now: Member[] = [];
  const later: Member[] = [];
  for (const member of targets) {
    const why = tooFewWithout(member.instanceId, health, least);
    if (why.length > 0) {
      say(`The pods of ${nameOf(member)} move before it leaves its load balancers: ${names(why, 3)}.`);
      later.push(member);
      continue;
    }
    health = await takeOut(context, view, member, balancers, health);
    now.push(member);
  }
  await waitUntilDrained(context, { balancers, least, members: now }, health);
  return later.length > 0 ? { balancers, least, members: later } : undefined;
}

/**
 * Takes out those whose pods had to move first and did, as soon as enough others are healthy.
 * @throws DeregistrationFailed (deregistration-timeout).
 */
export async function leaveBalancersAtLast(
  context: Context,
  view: Pick<View, 'groups'>,
  leaving: readonly Member[],
  last: LeaveAtLast,
): Promise<void> {
  if (!last) return;
  const { balancers, least } = last;
  const members = last.members.filter((m) => leaving.some((l) => l.instanceId === m.instanceId));
  let health: TargetHealth[] = [];
  for (const member of members) {
    const what = `enough healthy targets beside ${nameOf(member)}`;
    health = await within(context, what, patience, async () => {
      const found = await context.aws.targetHealth(balancers);
      const why = tooFewWithout(member.instanceId, found, least);
      return why.length === 0 ? { done: found } : { waiting: names(why, 3) };
    }).catch((error: unknown) => {
      if (!(error instanceof WaitTimeout)) throw error;
      throw new DeregistrationFailed(
        `${error.message}. Its pods have moved, and still too little would be left without it. Look at the health of the other targets, or take it out all the same with min-healthy-targets: 0, then run the workflow again.`,
      );
    });
    health = await takeOut(context, view, member, balancers, health);
  }
  await waitUntilDrained(context, { ...last, members }, health);
}

/**
 * Everything that sends requests to nodes, as far as it can mean this wave: what its groups and what controllers register.
 * `byControllers` says whether the latter have any.
 */
async function balancersOf(
  { aws, kubernetes }: Context,
  view: Pick<View, 'groups'>,
  wave: readonly Member[],
): Promise<{ balancers: Balancers; byControllers: boolean }> {
  const [services, ingresses] = await Promise.all([
    kubernetes.list('services'),
    kubernetes.list('ingresses'),
  ]);
  const dnsNames = [...services.items, ...ingresses.items].flatMap(
    ({ status }) => status?.loadBalancer?.ingress?.flatMap((i) => i.hostname ?? []) ?? [],
  );
  const attached = view.groups.filter((g) => wave.some((m) => homeOf(m) === g.name));
  const registered =
    dnsNames.length > 0
      ? await aws.balancersAt([...new Set(dnsNames)])
      : { targetGroups: [], classicLoadBalancers: [] };
  const all = [...attached, registered];
  const balancers = {
    targetGroups: [...new Set(all.flatMap((b) => b.targetGroups))],
    classicLoadBalancers: [...new Set(all.flatMap((b) => b.classicLoadBalancers))],
  };
  return { balancers, byControllers: !isEmpty(registered) };
}

const isEmpty = (balancers: Balancers): boolean =>
  balancers.targetGroups.length + balancers.classicLoadBalancers.length === 0;

/** Waits until the new nodes serve where those of the wave do. Returns the health of all targets then. */
async function whenSuccessorsServe(
  context: Context,
  plan: Plan,
  view: Pick<View, 'members'>,
  wave: readonly Member[],
  balancers: Balancers,
  health: TargetHealth[],
): Promise<TargetHealth[]> {
  const { aws, clock, signal, settings, say } = context;
  const staying = view.members.filter(
    (m) =>
      m.state === 'current' &&
      !wave.some((w) => w.instanceId === m.instanceId) &&
      m.node?.metadata.labels?.[excludeLabel] === undefined,
  );
  let known: TargetHealth[] | undefined = health;
  const look = async (): Promise<Look<TargetHealth[]>> => {
    const found = known ?? (await aws.targetHealth(balancers));
    known = undefined;
    const waiting = notYetIn(staying, wave, found, plan.newest);
    return waiting.length === 0 ? { done: found } : { waiting: names(waiting, 3) };
  };
  return waitUntil(look, {
    what: `the new nodes to serve in the load balancers of ${names(wave.map(nameOf))}`,
    timeoutName: 'node-timeout',
    timeoutMs: settings.timeouts.node,
    ...patience,
    say,
    clock,
    signal,
  });
}

/**
 * Has one member taken out of every load balancer that sends it requests, and waits until they have heard of it. Returns the
 * health of all targets then.
 */
async function takeOut(
  context: Context,
  view: Pick<View, 'groups'>,
  member: Member,
  balancers: Balancers,
  health: readonly TargetHealth[],
): Promise<TargetHealth[]> {
  const { aws, say } = context;
  const group = view.groups.find((g) => g.name === homeOf(member));
  const attached = new Set([...(group?.targetGroups ?? []), ...(group?.classicLoadBalancers ?? [])]);
  const own = (found: readonly TargetHealth[]) =>
    found.filter((h) => h.instanceId === member.instanceId && !isOut(h));
  say(`Taking ${nameOf(member)} out of its load balancers.`);
  await exclude(context, member);
  // A group that replaces what its load balancers do not call healthy would take it away with all its pods.
  const byTermination = group?.replacesUnhealthyTargets === true;
  const registered = new Set(own(health).map((h) => h.id));
  const here = (id: string) => attached.has(id) && registered.has(id);
  if (group && byTermination && attached.size > 0)
    say(
      `It stays in those of ${group.name} until it is terminated: the group replaces what is not healthy there (health check type ELB).`,
    );
  else if (group && [...attached].some(here))
    await deregister(context, member, {
      targetGroups: group.targetGroups.filter(here),
      classicLoadBalancers: group.classicLoadBalancers.filter(here),
    });
  return within(context, `the load balancers of ${nameOf(member)} to let go of it`, patience, async () => {
    // A Node that was deleted meanwhile came back without it.
    await exclude(context, member);
    const found = await aws.targetHealth(balancers);
    const still = own(found).filter((h) => !(byTermination && attached.has(h.id)));
    return still.length === 0
      ? { done: found }
      : { waiting: names(still.map((h) => `${h.state} in ${h.loadBalancer}`)) };
  }).catch((error: unknown) => {
    if (!(error instanceof WaitTimeout)) throw error;
    throw new DeregistrationFailed(
      `${error.message}. It has the label ${excludeLabel}. Look at the controller that registers nodes there (the service controller of the cloud provider, or AWS Load Balancer Controller), then run the workflow again.`,
    );
  });
}

/** Sets the label; one that is there already, with any other value, is not ours to take off. */
async function exclude({ kubernetes, clock, journal }: Context, { node }: Member): Promise<void> {
  if (!node) return;
  await updateNode(kubernetes, clock, node.metadata.name, ({ metadata }) => {
    if (metadata.labels?.[excludeLabel] !== undefined) return false;
    metadata.labels = { ...metadata.labels, [excludeLabel]: journal.runId };
    return true;
  });
}

/** No controller watches over what a group registers: there it is ours to take out, and to put back. */
async function deregister({ aws, journal }: Context, member: Member, from: Balancers): Promise<void> {
  const { instanceId } = member;
  const group = homeOf(member);
  await journal.before(keyOf(member), { instanceId, group, ...from });
  await aws.deregister(instanceId, from);
}

/** Waits until the connections of those that were taken out have ended, or have had as long as they may. */
async function waitUntilDrained(
  context: Context,
  { members, balancers }: Leaving,
  health: TargetHealth[],
): Promise<void> {
  const ids = new Set(members.map((m) => m.instanceId));
  const what = `connections through ${names(members.map(nameOf))} to end`;
  let known: TargetHealth[] | undefined = health;
  const look = async (): Promise<Look<true>> => {
    const found = known ?? (await context.aws.targetHealth(balancers));
    known = undefined;
    const left = found.filter((h) => ids.has(h.instanceId) && h.state === 'draining');
    return left.length === 0
      ? { done: true }
      : { waiting: names([...new Set(left.map((h) => `${h.instanceId} drains in ${h.loadBalancer}`))], 3) };
  };
  await within(context, what, muchPatience, look).catch((error: unknown) => {
    if (!(error instanceof WaitTimeout)) throw error;
    // They get no new requests any more; whoever keeps a connection for longer than this is not waited for.
    context.say(`${error.message}. Going on: nothing new comes in through them.`);
  });
}

function within<T>(
  context: Context,
  what: string,
  pace: { pollMs: number },
  look: () => Promise<Look<T>>,
): Promise<T> {
  const { clock, signal, settings, say } = context;
  return waitUntil(look, {
    what,
    timeoutName: 'deregistration-timeout',
    timeoutMs: settings.timeouts.deregistration,
    ...pace,
    say,
    clock,
    signal,
  });
}

/** Members that are gone need not be put back anywhere. */
export async function forgetBalancers(
  { journal }: Pick<Context, 'journal'>,
  gone: readonly Member[],
): Promise<void> {
  for (const member of gone)
    if (journal.valueBefore(keyOf(member)) !== undefined) await journal.restored(keyOf(member));
}

/** Nodes that stay after all, with pods that could not leave, take requests again. */
export async function stayInBalancers(context: Context, nodes: readonly string[]): Promise<void> {
  const { kubernetes, clock, journal } = context;
  for (const name of nodes)
    await updateNode(kubernetes, clock, name, ({ metadata }) => {
      if (metadata.labels?.[excludeLabel] !== journal.runId) return false;
      delete metadata.labels[excludeLabel];
      return true;
    });
  // What AWS refuses stays in the journal, and the restore at the end says so.
  await backIntoBalancers(context, nodes);
}

/**
 * Registers again what was deregistered and is still in service; its label goes with our other marks. Returns what was put
 * back, and what AWS refused.
 * @param only nodes; all unless given
 */
export async function backIntoBalancers(
  { aws, journal }: Pick<Context, 'aws' | 'journal'>,
  only?: readonly string[],
): Promise<{ done: string[]; remaining: string[] }> {
  const done: string[] = [];
  const remaining: string[] = [];
  for (const { key, value } of journal.outstanding(prefix)) {
    const [, name = '', what] = key.split('/');
    if (what !== 'load-balancers' || (only && !only.includes(name))) continue;
    const { instanceId, group, ...balancers } = value as unknown as Registered;
    try {
      const [present] = await aws.groups({ names: [group] }, { fresh: true });
      if (present?.instances.some((i) => i.id === instanceId && i.lifecycle === 'InService')) {
        await aws.register(instanceId, balancers);
        done.push(`${name} back in the load balancers of ${group}`);
      }
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      remaining.push(`${name} stays out of the load balancers of ${group}: ${error.message}`);
      continue;
    }
    await journal.restored(key);
  }
  return { done, remaining };
}

/** What the journal holds of an instance that was taken out of the load balancers of its group. */
type Registered = Balancers & { instanceId: string; group: string };
