import { type Member, nodesOf } from '../../cluster/members.ts';
import type { Node } from '../../cluster/objects.ts';
import { AwsError, KubernetesError } from '../../cluster/ports.ts';
import { count, messageOf, names } from '../../text.ts';
import { type Look, WaitTimeout, waitUntil } from '../../wait.ts';
import { refuseMovedTarget } from '../as-planned.ts';
import { type Context, taintKey } from '../context.ts';
import { emptyNodes } from '../empty-nodes.ts';
import { passGate } from '../gate.ts';
import { terminate, waitForVolumes } from '../leave.ts';
import { forgetBalancers, leaveBalancers, leaveBalancersAtLast } from '../load-balancers.ts';
import { groupsOf } from '../move-into.ts';
import { ownNodeOf } from '../not-yet.ts';
import type { Replaced } from '../replaced.ts';
import { putBack } from '../rollout.ts';
import { StepTimes } from '../step-times.ts';
import { surge } from '../surge.ts';
import { refuseSuspended } from '../suspended.ts';
import { taint } from '../taints.ts';
import { tellNodes } from '../tell-nodes.ts';
import { fits } from '../time-budget.ts';
import { lookAround, type View } from '../view.ts';
import { type ControlPlanePlan, readParts, refuseResized } from './plan.ts';
import { inOrder, lostWithout, notServing, Steadiness } from './quorum.ts';

const pollMs = 1000;
/** So often a member is begun again because the API was away. */
const mostReturns = 10;

/** A member of the control plane cannot be spared. */
export class NotSpared extends Error {}

/** One member on its way out, for the summary. */
interface Going {
  member: Member;
  number: number;
  started: number;
  times: StepTimes;
}

/**
 * Replaces the outdated members of the control plane, one at a time across all of its groups and without surge: etcd keeps the
 * volume of each member, which the one that takes its place finds in its zone, and an additional one finds none. A member
 * leaves only while etcd and an API server are there without it; the next one only when those of its successor have been
 * ready for control-plane-interval without a break. Everything is read anew for each member, so a run that was killed
 * anywhere goes on. Returns how many outdated members are left for want of time.
 * @param deadline in epoch milliseconds
 * @throws NotSpared, WaitTimeout (node-timeout), and what replacing a node can throw.
 */
export async function rollControlPlane(
  context: Context,
  plan: ControlPlanePlan | undefined,
  deadline: number,
  onReplaced: (replaced: Replaced) => void,
): Promise<number> {
  if (!plan || plan.waves.length === 0) return 0;
  const own = contextFor(context, plan);
  const { clock, settings, say, signal } = own;
  const known = new Set((own.journal.noted('troubles') as string[] | undefined) ?? []);
  const steadiness = new Steadiness();
  let going: Going | undefined;
  let replaced = 0;
  let longestMs = 0;

  const step = async (): Promise<number | undefined> => {
    await finishLeaving(own, plan);
    await whenReplaced(own, plan, steadiness);
    const view = await lookAround(own, settings.select, { fresh: true });
    if (going && !view.members.some((m) => m.instanceId === going?.member.instanceId)) {
      going.times.end('surge');
      const [node] = nodesOf([going.member]);
      await passGate(own, known, (name) => name === node);
      going.times.end('gate');
      onReplaced(replacedBy(going, clock.now()));
      longestMs = Math.max(longestMs, clock.now() - going.started);
      replaced++;
    }
    going = undefined;
    refuseMovedTarget(plan, view);
    refuseResized(plan, view);
    refuseSuspended(view.groups);
    const outdated = view.members.filter((m) => m.state === 'outdated');
    if (outdated.length === 0) {
      if (replaced > 0) say('Every node of the control plane is replaced.');
      return 0;
    }
    const ends = Math.min(deadline, own.credentialsLastUntil?.() ?? deadline);
    const member = await whoIsNext(own, plan, outdated);
    if (!member || !fits(clock.now(), longestMs, ends)) {
      const left = `${count(outdated.length, 'outdated node')} of the control plane left for the next run, and all workers after it`;
      say(
        member
          ? `There is no time for another one, until ${new Date(ends).toISOString().slice(11, 19)} UTC: ${left}.`
          : `This runner is a pod on ${names(nodesOf(outdated))}: it cannot replace what it runs on. ${left}.`,
      );
      return outdated.length;
    }
    going = { member, number: replaced + 1, started: clock.now(), times: new StepTimes(clock, clock.now()) };
    context.fold?.(
      `Control plane, ${replaced + 1} of ${replaced + outdated.length}: ${names(nodesOf([member]))}`,
    );
    await replace(own, plan, view, going);
    return undefined;
  };

  const nodes = nodesOf(
    (await lookAround(own, settings.select)).members.filter((m) => m.state === 'outdated'),
  );
  if (nodes.length > 0)
    say(`The control plane goes first, one node at a time and without surge: ${names(nodes)}.`);
  await taint(own, nodes, 'PreferNoSchedule');
  for (;;) {
    signal.throwIfAborted();
    const left = await whileTheApiMayBeAway(own, step);
    if (left !== undefined) return left;
  }
}

/** Everything that the steps of a rotation do, they do to the control plane alone, and without surge. */
function contextFor(context: Context, plan: ControlPlanePlan): Context {
  const { onBlocked } = context.settings;
  return {
    ...context,
    controlPlane: true,
    launchedBefore: plan.launchedBefore,
    into: undefined,
    expected: undefined,
    settings: {
      ...context.settings,
      select: groupsOf(plan),
      maxSurge: 0,
      maxUnavailable: 1,
      // Workers must not run a newer Kubernetes than a part of the control plane that was left out.
      onBlocked: onBlocked === 'skip' ? 'fail' : onBlocked,
    },
  };
}

/** A killed run may have asked for a termination that it did not see through. */
async function finishLeaving(context: Context, plan: ControlPlanePlan): Promise<void> {
  const { members } = await lookAround(context, context.settings.select);
  const leaving = members.filter(
    (m) => m.state === 'leaving' && plan.groups.some((g) => g.outdated.includes(m.instanceId)),
  );
  if (leaving.length > 0) await terminate(context, plan, leaving);
  await putBack(context, nodesOf(leaving));
}

/** Waits until every group is full again and what its new nodes run has been ready for long enough. */
async function whenReplaced(context: Context, plan: ControlPlanePlan, steadiness: Steadiness): Promise<void> {
  const { kubernetes, clock, signal, settings, say } = context;
  await surge(context, plan, []);
  const steadyMs = settings.controlPlaneIntervalMs;
  const look = async (): Promise<Look<true>> => {
    const { members } = await lookAround(context, settings.select);
    const fresh = members.filter((m) => m.upToDate && m.state !== 'leaving' && m.state !== 'standby');
    const parts = await readParts(kubernetes);
    const now = clock.now();
    steadiness.see(parts, now);
    const waiting = notServing(fresh, plan, parts, steadiness, { now, steadyMs });
    return waiting.length === 0 ? { done: true } : { waiting: names(waiting, 3) };
  };
  await waitUntil(look, {
    what: 'etcd and the API servers on the new nodes of the control plane',
    timeoutName: 'node-timeout and control-plane-interval',
    timeoutMs: settings.timeouts.node + steadyMs,
    pollMs,
    say,
    sayEveryMs: 20_000,
    clock,
    signal,
    wake: context.changed,
    idleMs: pollMs,
  });
}

/** Undefined when only the node that carries this runner is left. */
async function whoIsNext(
  { kubernetes, journal, self }: Context,
  plan: ControlPlanePlan,
  outdated: readonly Member[],
): Promise<Member | undefined> {
  const pods = (await kubernetes.list('pods')).items;
  const own = ownNodeOf(self, pods);
  const hasBegun = ({ spec }: Node): boolean =>
    (spec.taints ?? []).some(
      (t) => t.key === taintKey && t.value === journal.runId && t.effect === 'NoSchedule',
    );
  const planned = plan.groups.flatMap((g) => g.outdated);
  const ordered = inOrder(outdated, planned, await readParts(kubernetes, true), hasBegun);
  return ordered.find((m) => m.node?.metadata.name !== own);
}

/** One member leaves, and its group launches another one. */
async function replace(
  context: Context,
  plan: ControlPlanePlan,
  view: View,
  { member, times }: Going,
): Promise<void> {
  const nodes = nodesOf([member]);
  await whenSpared(context, plan, member);
  await taint(context, nodes, 'NoSchedule');
  await tellNodes(
    context,
    nodes,
    'RollingDrain',
    `Rotation ${context.journal.runId} moves its pods to other nodes.`,
  );
  const last = await leaveBalancers(context, plan, view, [member]);
  const { hanging } = await emptyNodes(context, nodes);
  times.end('drain');
  await leaveBalancersAtLast(context, view, [member], last);
  await waitForVolumes(context, nodes, hanging);
  times.end('volumes');
  // Draining may have taken long.
  await whenSpared(context, plan, member);
  await terminate(context, plan, [member], hanging);
  await forgetBalancers(context, [member]);
  times.end('terminate');
}

/** Waits until etcd and the API do without this member. */
async function whenSpared(context: Context, plan: ControlPlanePlan, member: Member): Promise<void> {
  const { kubernetes, clock, signal, settings, say } = context;
  const [node = member.instanceId] = nodesOf([member]);
  const look = async (): Promise<Look<true>> => {
    const lost = lostWithout(node, plan, await readParts(kubernetes, true));
    return lost.length === 0 ? { done: true } : { waiting: names(lost, 3) };
  };
  await waitUntil(look, {
    what: `etcd and the API servers to do without ${node}`,
    timeoutName: 'gate-timeout',
    timeoutMs: settings.timeouts.gate,
    pollMs,
    say,
    clock,
    signal,
    wake: context.changed,
  }).catch((error: unknown) => {
    if (!(error instanceof WaitTimeout)) throw error;
    throw new NotSpared(
      `${error.message}. ${node} stays. Look at what is not ready (kubectl -n kube-system get pods -o wide, /var/log/etcd.log on its node), then run the workflow again.`,
    );
  });
}

/**
 * What was connected to the API server that leaves is cut off, and a name may lead to its address for a while longer than
 * single requests are patient. Everything is read anew once the API answers.
 */
async function whileTheApiMayBeAway<T>(context: Context, work: () => Promise<T>): Promise<T> {
  const { kubernetes, clock, signal, settings, say } = context;
  for (let returns = 1; ; returns++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (returns > mostReturns || !isAway(error)) throw error;
      say(`The API server does not answer: ${messageOf(error)}`);
    }
    const look = async (): Promise<Look<true>> => {
      try {
        await kubernetes.list('nodes', { fresh: true });
        return { done: true };
      } catch (error) {
        if (!isAway(error)) throw error;
        return { waiting: messageOf(error) };
      }
    };
    await waitUntil(look, {
      what: 'the API server to answer again',
      timeoutName: 'node-timeout',
      timeoutMs: settings.timeouts.node,
      pollMs,
      say,
      clock,
      signal,
    });
  }
}

/** No answer, or one that says that the server cannot; errors of connections carry a code. */
function isAway(error: unknown): boolean {
  if (error instanceof KubernetesError) return error.status >= 500;
  return (
    error instanceof Error &&
    !(error instanceof AwsError) &&
    typeof (error as { code?: unknown }).code === 'string'
  );
}

const replacedBy = ({ member, number, started, times }: Going, now: number): Replaced => ({
  node: member.node?.metadata.name ?? member.instanceId,
  group: member.group,
  wave: number,
  seconds: Math.round((now - started) / 1000),
  steps: times.seconds,
});
