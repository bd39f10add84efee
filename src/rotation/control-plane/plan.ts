import { type Member, nodesOf } from '../../cluster/members.ts';
import type { Pod } from '../../cluster/objects.ts';
import { podName } from '../../cluster/pods.ts';
import type { Kubernetes } from '../../cluster/ports.ts';
import { names } from '../../text.ts';
import type { Context } from '../context.ts';
import { groupsOf } from '../move-into.ts';
import { type Plan, planRotation } from '../plan.ts';
import { refuseSuspended } from '../suspended.ts';
import { lookAround, refuseRefresh, type View } from '../view.ts';
import {
  controlPlaneNamespace,
  inOrder,
  type Layout,
  layoutOf,
  lostWithout,
  neverSpared,
  type Part,
  partsOf,
} from './quorum.ts';

/** Control-plane groups, each wave of which is one member. */
export interface ControlPlanePlan extends Omit<Plan, 'controlPlane'>, Layout {}

/** An additional etcd member could not join: its volume belongs to the one that leaves. */
const oneByOne = { maxSurge: 0, maxUnavailable: 1, maxAtOnce: 1, canary: false } as const;

/** How fast it goes: a drained member still keeps etcd, so it does not soak. */
export const controlPlanePace = <T extends Context['settings']>(settings: T): T => ({
  ...settings,
  intervalMs: settings.controlPlaneIntervalMs,
  soakMs: 0,
});

/** What runs on the nodes of the control plane now. */
export async function readParts(kubernetes: Kubernetes, fresh = false): Promise<Part[]> {
  const [pods, nodes] = await Promise.all([
    kubernetes.list('pods', { namespace: controlPlaneNamespace, fresh }),
    kubernetes.list('nodes', { fresh }),
  ]);
  return partsOf(pods.items, nodes.items);
}

/** The control-plane groups of the selection, if they are to be rolled. */
export async function lookAtControlPlane(
  { aws, kubernetes }: Pick<Context, 'aws' | 'kubernetes'>,
  { controlPlane, select }: Pick<Context['settings'], 'controlPlane' | 'select'>,
  launchedBefore?: number,
): Promise<View | undefined> {
  if (controlPlane !== 'roll') return undefined;
  const view = await lookAround({ aws, kubernetes, launchedBefore, controlPlane: true }, select);
  if (view.groups.length > 0) return view;
  throw new Error(
    'control-plane: got roll, but no selected group carries the tag k8s.io/role/control-plane or k8s.io/role/master of kops. Select those groups too, or leave control-plane out.',
  );
}

/**
 * Plans the control plane; only reads.
 * @param redis pods that migrate-redis moves, which it cannot move off these nodes
 * @throws Error when its groups cannot be rolled now.
 */
export async function planControlPlane(
  source: Pick<Context, 'aws' | 'kubernetes' | 'say'>,
  { groups: found, members }: View,
  launchedBefore: number | undefined,
  redis: readonly Pod[],
): Promise<ControlPlanePlan> {
  const groups = [...found].sort((a, b) => (a.name < b.name ? -1 : 1));
  await refuseRefresh(
    source.aws,
    groups.map((g) => g.name),
  );
  refuseSuspended(groups);
  const plan = planRotation(groups, members, oneByOne);
  const parts = await readParts(source.kubernetes);
  const layout = layoutOf(groups, members, parts);
  if (plan.waves.length > 0) refuseHopeless(plan, members, layout, redis);
  const outdated = members.filter((m) => m.state === 'outdated');
  const planned = plan.groups.flatMap((g) => g.outdated);
  const [first] = nodesOf(inOrder(outdated, planned, parts, () => false));
  const lost = first === undefined ? [] : lostWithout(first, layout, parts);
  if (lost.length > 0)
    source.say(`At this moment ${first}, the first of the control plane, could not leave: ${names(lost)}.`);
  return { ...plan, ...layout, ...(launchedBefore ? { launchedBefore } : {}) };
}

function refuseHopeless(plan: Plan, members: readonly Member[], layout: Layout, redis: readonly Pod[]): void {
  const problems = neverSpared(layout);
  if (problems.length > 0)
    throw new Error(
      `control-plane: ${names(plan.groups.map((g) => g.name))} cannot be rolled without the API being away, and with it this run's lease and journal: ${problems.join('; ')}. ` +
        'Give etcd three members, or roll these groups with kops, which needs no API for that: kops rolling-update cluster --instance-group <name> --cloudonly --yes; and leave control-plane out here.',
    );
  const nodes = new Set(members.flatMap((m) => m.node?.metadata.name ?? []));
  const carried = redis.filter((p) => nodes.has(p.spec.nodeName ?? ''));
  if (carried.length > 0)
    throw new Error(
      `control-plane: Redis runs on its nodes (${names(carried.map((p) => `${podName(p)} on ${p.spec.nodeName}`))}), and migrate-redis moves it between workers alone. Move it to workers first.`,
    );
}

/** @throws Error when somebody has changed the size of a group: what etcd needs is counted by it. */
export function refuseResized(plan: ControlPlanePlan, { groups }: Pick<View, 'groups'>): void {
  for (const { name, desired } of plan.groups) {
    const now = groups.find((g) => g.name === name)?.desired;
    if (now === desired) continue;
    throw new Error(
      `The desired size of ${name} was ${desired} when the plan was made, and now it is ${now ?? 'unknown'}: whether etcd keeps its quorum is counted by it. Put the size back and run again; or run phase: restore, and again for a new plan.`,
    );
  }
}

/** The plan of everything, the control plane first: for people, and for those who compare. */
export function wholePlan(plan: Plan): Plan {
  const { controlPlane, ...workers } = plan;
  if (!controlPlane) return workers;
  return {
    ...workers,
    groups: [...controlPlane.groups, ...plan.groups],
    waves: [...controlPlane.waves, ...plan.waves],
  };
}

/** Every member that the run has to do with, those of the control plane included. */
export async function membersOfPlan(
  source: Pick<Context, 'aws' | 'kubernetes'>,
  { controlPlane, ...workers }: Plan,
): Promise<Member[]> {
  const { aws, kubernetes } = source;
  const own = (await lookAround({ aws, kubernetes }, groupsOf(workers))).members;
  if (!controlPlane) return own;
  const first = await lookAround({ aws, kubernetes, controlPlane: true }, groupsOf(controlPlane));
  return [...first.members, ...own];
}
