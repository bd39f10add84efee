import { type Member, nodesOf } from '../cluster/members.ts';
import type { Pod } from '../cluster/objects.ts';
import { podName } from '../cluster/pods.ts';
import type { Group } from '../cluster/ports.ts';
import type { Json } from '../journal/journal.ts';
import { count, names } from '../text.ts';
import { pause } from '../wait.ts';
import { announcer } from './announce.ts';
import { refuseMovedTarget } from './as-planned.ts';
import { pauseAutoscaler } from './cluster-autoscaler.ts';
import type { Context } from './context.ts';
import { type ControlPlanePlan, lookAtControlPlane, planControlPlane } from './control-plane/plan.ts';
import type { SkippedNode } from './drain.ts';
import { emptyNodes } from './empty-nodes.ts';
import { evenOutZones } from './even-zones.ts';
import { passGate, troubles } from './gate.ts';
import { suspendRebalance } from './groups.ts';
import { pointAtCopies } from './image/copies.ts';
import { asIntended } from './image/intent.ts';
import { planImages } from './image/plan-images.ts';
import { terminate, waitForVolumes } from './leave.ts';
import {
  backIntoBalancers,
  forgetBalancers,
  leaveBalancers,
  leaveBalancersAtLast,
  stayInBalancers,
} from './load-balancers.ts';
import { groupsOf, homeOf, unitOf } from './move-into.ts';
import { heldByVolumes, ownNodeOf, withhold } from './not-yet.ts';
import { type Plan, planRotation, surplusOf, waveSize, waveSizes, whoLeaves } from './plan.ts';
import { digestOf } from './plan-digest.ts';
import { putBack } from './rollout.ts';
import { allowScaleDown } from './scale-down.ts';
import { soak, soakLeftMs } from './soak.ts';
import { type StepSeconds, StepTimes } from './step-times.ts';
import { surge } from './surge.ts';
import { refuseSuspended } from './suspended.ts';
import { removeMarks, taint } from './taints.ts';
import { tellNodes } from './tell-nodes.ts';
import { fits } from './time-budget.ts';
import { refuseUnits } from './units.ts';
import { lookAround, refuseRefresh, refuseUnknown, type View } from './view.ts';

const planNote = 'plan';
export const digestNote = 'plan-digest';

/** One node that was replaced, for the summary. */
export interface Replaced {
  node: string;
  group: string;
  wave: number;
  /** Of its whole wave, and of the steps of it. */
  seconds: number;
  steps?: StepSeconds;
}

/**
 * The plan of this run: the one in the journal, or a new one that is written there. Nodes with these pods are surged first.
 * @param agree throws when this plan must not be carried out; told the run that has it in its journal already
 */
export async function planOf(
  context: Context,
  redis: readonly Pod[] = [],
  agree: (plan: Plan, unfinished?: string) => void = () => {},
): Promise<Plan> {
  const noted = context.journal.noted(planNote) as unknown as Plan | undefined;
  if (noted) {
    agree(noted, context.journal.runId);
    const { controlPlane } = noted;
    await refuseRefresh(context.aws, [
      ...(controlPlane ? groupsOf(controlPlane).names : []),
      ...groupsOf(noted).names,
    ]);
    return noted;
  }
  const plan = await makePlan(context, context.settings, context.clock.now(), redis);
  agree(plan);
  await context.journal.note(planNote, plan as unknown as Json);
  await context.journal.note(digestNote, plan.digest);
  return plan;
}

/** Which image a run goes to is settled by its plan: why this one cannot go on with the image that is asked for now. */
export function otherImage({ journal, settings }: Context): string | undefined {
  const noted = journal.noted(planNote) as unknown as Plan | undefined;
  // An input that is left out asks for no other one.
  if (!noted || !settings.ami || settings.ami === noted.ami) return undefined;
  return `ami: got ${settings.ami}, but the plan of the unfinished run ${journal.runId} was made ${noted.ami ? `with ${noted.ami}` : 'without it'}. Finish that run as it was begun, or run phase: restore first. Nothing was touched.`;
}

/** A new plan; only reads. @throws Error when these groups cannot be rolled now. */
export async function makePlan(
  source: Pick<Context, 'aws' | 'kubernetes' | 'say' | 'self'>,
  settings: Context['settings'],
  now: number,
  redis: readonly Pod[],
): Promise<Plan> {
  const { into } = settings;
  let view = await lookAround({ ...source, into }, settings.select);
  const first = await lookAtControlPlane(source, settings);
  const rolled = new Set(first?.groups.map((g) => g.name));
  const leftAlone = view.leftAlone.filter((line) => !rolled.has(line.slice(0, line.indexOf(':'))));
  refuseUnknown({ groups: [...(first?.groups ?? []), ...view.groups], leftAlone }, settings.select);
  await refuseRefresh(
    source.aws,
    view.groups.map((g) => g.name),
  );
  refuseUnits(view.groups);
  refuseSuspended(view.groups, into);
  for (const line of leftAlone) source.say(`Left alone: ${line}.`);
  const launchedBefore = launchedBeforeOf(settings.replace, view.members, now);
  const launches = settings.ami ? await planImages(source, view.groups, settings.ami) : new Map();
  const intend = (group: Group) => asIntended(group, launches.get(group.name));
  if (launchedBefore || launches.size > 0)
    view = await lookAround({ ...source, into, launchedBefore, intend }, settings.select);
  const own = ownNodeOf(source.self, (await source.kubernetes.list('pods')).items);
  const ownLast = [...view.members].sort((a, b) => Number(isOn(a, own)) - Number(isOn(b, own)));
  const moved = into === undefined ? undefined : unitOf(view.groups, into);
  const groups = moved ? [moved.unit] : view.groups;
  const plan = planRotation(groups, ownLast, settings, nodesCarrying(redis), moved?.from, launches);
  const controlPlane = first && (await planFirst(source, settings, first.members, now, redis));
  return {
    ...plan,
    ...(controlPlane
      ? { controlPlane, digest: digestOf([...controlPlane.groups, ...plan.groups], settings) }
      : {}),
    ...(launchedBefore ? { launchedBefore } : {}),
    ...(settings.ami ? { ami: settings.ami } : {}),
  };
}

/** The plan of the control plane, whose members are too old by the same rules. */
async function planFirst(
  source: Pick<Context, 'aws' | 'kubernetes' | 'say'>,
  settings: Context['settings'],
  members: readonly Member[],
  now: number,
  redis: readonly Pod[],
): Promise<ControlPlanePlan | undefined> {
  const launchedBefore = launchedBeforeOf(settings.replace, members, now);
  const view = await lookAtControlPlane(source, settings, launchedBefore);
  return view && planControlPlane(source, view, launchedBefore, redis);
}

const isOn = ({ node }: Member, name: string | undefined): boolean =>
  node !== undefined && node.metadata.name === name;

/** All that are there now, told by AWS's own clock; or all that are too old. */
function launchedBeforeOf(
  { force, maxAgeMs }: Context['settings']['replace'],
  members: readonly Member[],
  now: number,
): number | undefined {
  if (force) return Math.max(0, ...members.map((m) => m.launchedAt)) + 1;
  return maxAgeMs === undefined ? undefined : now - maxAgeMs;
}

/**
 * Makes the cluster ready for waves: nothing interferes, new nodes have the planned image, and no pod bounces onto a node
 * that will leave. Returns the plan with what the groups launch now.
 */
export async function begin(context: Context, planned: Plan): Promise<Plan> {
  if (!context.journal.noted('troubles'))
    await context.journal.note('troubles', await troubles(context.kubernetes));
  await pauseAutoscaler(context);
  await allowScaleDown(context);
  await suspendRebalance(context);
  const plan = await pointAtCopies(context, planned);
  // A rollback must know by what the run went, and a copy has its number only now.
  if (JSON.stringify(plan) !== JSON.stringify(planned))
    await context.journal.note(planNote, plan as unknown as Json);
  const { members } = await lookAround(context, context.settings.select);
  // A killed run may have begun to remove a new node that it had no use for; there is use for it again.
  const current = nodesOf(members.filter((m) => m.upToDate && m.state !== 'leaving'));
  await removeMarks(context, current);
  await backIntoBalancers(context, current);
  await taint(context, nodesOf(members.filter((m) => m.state === 'outdated')), 'PreferNoSchedule');
  return plan;
}

/** Adds nodes for the outdated ones that carry these pods, and lets nothing new onto those. Returns their names. */
export async function makeWayFor(context: Context, plan: Plan, pods: readonly Pod[]): Promise<string[]> {
  const { members } = await lookAround(context, context.settings.select);
  const carrying = members.filter(
    (m) => m.state === 'outdated' && pods.some((p) => p.spec.nodeName === m.node?.metadata.name),
  );
  if (carrying.length > 0) await surge(context, plan, carrying);
  const nodes = nodesOf(carrying);
  await taint(context, nodes, 'NoSchedule');
  return nodes;
}

/** Pods that must have been moved by another step and are still on an outdated node. */
export async function notMoved(context: Context, plan: Plan, pods: readonly Pod[]): Promise<string[]> {
  const launchOf = (name: string) => plan.groups.find((g) => g.name === name)?.launch;
  // Groups may not be pointed at their copies yet.
  const intend = (group: Group) => asIntended(group, launchOf(group.name));
  const { members } = await lookAround({ ...context, intend }, context.settings.select);
  const outdated = new Set(nodesOf(members.filter((m) => m.state === 'outdated')));
  return pods
    .filter((p) => outdated.has(p.spec.nodeName ?? ''))
    .map((p) => `${podName(p)} on ${p.spec.nodeName}`);
}

/**
 * Wave by wave until no outdated member is left, or no time for another wave. What is done is read from the cluster and AWS
 * each time, so a run that was killed anywhere goes on here. Returns how many outdated members are left: for want of time, or
 * because pods on them were blocked (on-blocked: skip).
 * @param deadline in epoch milliseconds
 */
export async function rotate(
  context: Context,
  plan: Plan,
  deadline: number,
  onReplaced: (replaced: Replaced) => void,
  onSkipped: (skipped: SkippedNode) => void = () => {},
): Promise<number> {
  const { clock, settings, say, signal } = context;
  const known = new Set((context.journal.noted('troubles') as string[] | undefined) ?? []);
  const done = new Set<string>();
  const skipped = new Map<string, string>();
  let longestMs = 0;
  await finishLeaving(context, plan);
  const announce = await announcer(context, plan);
  for (let number = 1; ; number++) {
    signal.throwIfAborted();
    const view = await lookAround(context, settings.select, { fresh: true });
    refuseMovedTarget(plan, view);
    refuseSuspended(view.groups, context.into);
    const own = await ownNode(context, view.members);
    const candidates = withhold(view.members, skipped);
    const sizes = waveSizes(plan, candidates, settings);
    const intended = whoLeaves(plan, withhold(candidates, own), sizes);
    if (intended.length === 0) {
      context.fold?.();
      if (skipped.size === 0) await evenOutZones(context, plan);
      return view.members.filter((m) => m.state === 'outdated').length;
    }
    refuseTwice(intended, done);
    const started = clock.now();
    const soakMs = soakLeftMs(
      intended.map((m) => m.node),
      settings.soakMs,
      started,
    );
    const ends = Math.min(deadline, context.credentialsLastUntil?.() ?? deadline);
    if (!fits(started, Math.max(longestMs, soakMs), ends)) {
      const left = view.members.filter((m) => m.state === 'outdated').length;
      say(
        ends < deadline
          ? `The AWS credentials of the job end at ${new Date(ends).toISOString().slice(11, 19)} UTC and cannot be renewed: no other wave until then, ${count(left, 'outdated node')} left for the next run.`
          : `The time budget has no room for another wave: ${count(left, 'outdated node')} left for the next run.`,
      );
      return left;
    }
    announce(number, view.members, intended);
    const times = new StepTimes(clock);
    // Where AWS chose the zone, the one that arrived decides who leaves: volumes of the others stay within reach.
    const members = await surge(context, plan, withReplacement(plan, intended, settings));
    times.end('surge');
    const arrived = { groups: view.groups, members };
    const staying = withhold(members, skipped);
    const bound = await heldByVolumes(context, surgedOf(plan, staying, settings));
    const wave = whoLeaves(plan, withhold(staying, new Map([...own, ...bound])), sizes);
    if (wave.length === 0) {
      if (bound.size > 0) await surgeFor(context, plan, staying, bound);
      continue;
    }
    const left = members.filter((m) => m.state === 'outdated').length;
    say(`Wave ${number}: ${names(nodesOf(wave))}; ${count(left - wave.length, 'outdated node')} after it.`);
    const kept = await replaceWave(context, plan, arrived, wave, known, times);
    for (const one of kept) onSkipped(one);
    await passGate(context, known, new Set(nodesOf(wave)));
    times.end('gate');
    for (const m of wave) {
      if (kept.some((k) => k.node === m.node?.metadata.name)) {
        skipped.set(m.instanceId, 'was skipped');
        continue;
      }
      done.add(m.instanceId);
      onReplaced({
        node: m.node?.metadata.name ?? m.instanceId,
        group: homeOf(m),
        wave: number,
        seconds: Math.round((clock.now() - started) / 1000),
        steps: times.seconds(),
      });
    }
    if (settings.intervalMs > 0 && left > wave.length)
      await pause(settings.intervalMs, { what: 'the next wave (interval)', say, clock, signal });
    longestMs = Math.max(longestMs, clock.now() - started);
  }
}

/** The member whose node carries the pod we run in: evicting it would end the run, so it stays for a runner elsewhere. */
async function ownNode(
  { kubernetes, self, say }: Context,
  members: readonly Member[],
): Promise<Map<string, string>> {
  if (!members.some((m) => m.state === 'outdated')) return new Map();
  const node = ownNodeOf(self, (await kubernetes.list('pods')).items);
  const own = members.find((m) => m.state === 'outdated' && isOn(m, node));
  if (!own) return new Map();
  if (members.filter((m) => m.state === 'outdated').length === 1)
    say(
      `This runner is a pod on ${node}, the last outdated node: it cannot replace what it runs on. Run the workflow again; the next runner starts on another node.`,
    );
  return new Map([[own.instanceId, 'carries this runner']]);
}

/**
 * One node more for a group whose outdated members are all held by volumes of their zone: AWS launches where the group has
 * the fewest, so the next one may come to the right zone.
 * @throws Error when max-surge allows no more.
 */
async function surgeFor(
  context: Context,
  plan: Plan,
  members: readonly Member[],
  bound: ReadonlyMap<string, string>,
): Promise<void> {
  for (const group of plan.groups) {
    const own = members.filter((m) => m.group === group.name && m.state === 'outdated');
    const held = own.find((m) => bound.has(m.instanceId));
    if (!held) continue;
    const spare = Math.max(0, surplusOf(group, members));
    if (spare >= waveSize(group, context.settings).surge) {
      throw new Error(
        `${held.node?.metadata.name} in ${held.zone} cannot leave: ${bound.get(held.instanceId)}, and AWS chose other zones for the new nodes of ${group.name}. ` +
          `Raise max-surge to ${Math.max(spare + 1, Object.keys(group.zones).length)}, or give each zone a group of its own, then run the workflow again.`,
      );
    }
    context.say(
      `${held.node?.metadata.name} in ${held.zone} must wait: ${bound.get(held.instanceId)}. Asking for one node more.`,
    );
    // Restore takes away what was too many.
    await surge(context, plan, Array<Member>(spare + 1).fill(held));
  }
}

/** Members leave whose replacements are there. Returns the nodes that could not (on-blocked: skip). */
async function replaceWave(
  context: Context,
  plan: Plan,
  view: Pick<View, 'groups' | 'members'>,
  wave: readonly Member[],
  known: ReadonlySet<string>,
  times: StepTimes,
): Promise<SkippedNode[]> {
  const nodes = nodesOf(wave);
  await taint(context, nodes, 'NoSchedule');
  await tellNodes(
    context,
    nodes,
    'RollingDrain',
    `Rotation ${context.journal.runId} moves its pods to other nodes.`,
  );
  const last = await leaveBalancers(context, plan, view, wave);
  const { hanging, skipped } = await emptyNodes(context, nodes, () => times.end('rollout'));
  times.end('drain');
  const leaving = wave.filter((m) => !skipped.some((s) => s.node === m.node?.metadata.name));
  await stayInBalancers(
    context,
    skipped.map((s) => s.node),
  );
  await leaveBalancersAtLast(context, view, leaving, last);
  await waitForVolumes(context, nodesOf(leaving), hanging);
  times.end('volumes');
  await soak(context, leaving, known);
  times.end('soak');
  await terminate(context, plan, leaving, hanging);
  await forgetBalancers(context, leaving);
  times.end('terminate');
  // Members that left without a replacement are replaced by their group itself.
  if (withReplacement(plan, wave, context.settings).length < wave.length) await surge(context, plan, []);
  times.end('surge');
  return skipped;
}

/** The members of a wave whose replacement comes first; with max-unavailable the others leave without waiting for one. */
function withReplacement(plan: Plan, wave: readonly Member[], limits: Context['settings']): Member[] {
  return plan.groups.flatMap((group) => {
    const { surge: first, size } = waveSize(group, limits);
    const own = wave.filter((m) => m.group === group.name);
    return first === size ? own : own.slice(0, first);
  });
}

/** The members of groups that get replacements first at all; without surge nobody waits for one. */
const surgedOf = (plan: Plan, members: readonly Member[], limits: Context['settings']): Member[] =>
  members.filter((m) => plan.groups.some((g) => g.name === m.group && waveSize(g, limits).surge > 0));

/** A killed run may have asked for terminations that it did not see through. */
async function finishLeaving(context: Context, plan: Plan): Promise<void> {
  const { members } = await lookAround(context, context.settings.select);
  const leaving = members.filter(
    (m) => m.state === 'leaving' && plan.groups.some((g) => g.outdated.includes(m.instanceId)),
  );
  if (leaving.length > 0) await terminate(context, plan, leaving);
  await putBack(context, nodesOf(leaving));
}

/** An instance that stays in service after its termination would be drained for ever. */
function refuseTwice(wave: readonly Member[], done: ReadonlySet<string>): void {
  const again = wave.find((m) => done.has(m.instanceId));
  if (again)
    throw new Error(
      `Instance ${again.instanceId} of ${again.group} was terminated and is still in service; look at its lifecycle hooks, then run the workflow again.`,
    );
}

export const nodesCarrying = (pods: readonly Pod[]): Set<string> =>
  new Set(pods.flatMap((p) => p.spec.nodeName ?? []));
