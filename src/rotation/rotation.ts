import { type Member, nodesOf } from '../cluster/members.ts';
import type { Pod } from '../cluster/objects.ts';
import { podName } from '../cluster/pods.ts';
import type { Group } from '../cluster/ports.ts';
import type { Json } from '../journal/journal.ts';
import { pauseAutoscaler } from './cluster-autoscaler.ts';
import type { Context } from './context.ts';
import { type ControlPlanePlan, lookAtControlPlane, planControlPlane } from './control-plane/plan.ts';
import { troubles } from './gate.ts';
import { suspendRebalance } from './groups.ts';
import { pointAtCopies } from './image/copies.ts';
import { asIntended } from './image/intent.ts';
import { planImages } from './image/plan-images.ts';
import { backIntoBalancers } from './load-balancers.ts';
import { groupsOf, unitOf } from './move-into.ts';
import { ownNodeOf } from './not-yet.ts';
import { type Plan, planRotation } from './plan.ts';
import { digestOf } from './plan-digest.ts';
import { allowScaleDown } from './scale-down.ts';
import { surge } from './surge.ts';
import { refuseSuspended } from './suspended.ts';
import { removeMarks, taint } from './taints.ts';
import { refuseUnits } from './units.ts';
import { lookAround, refuseRefresh, refuseUnknown } from './view.ts';

const planNote = 'plan';
export const digestNote = 'plan-digest';

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

export const nodesCarrying = (pods: readonly Pod[]): Set<string> =>
  new Set(pods.flatMap((p) => p.spec.nodeName ?? []));
