import { type Member, nodesOf } from '../cluster/members.ts';
import { count, names } from '../text.ts';
import { pause } from '../wait.ts';
import { announcer } from './announce.ts';
import type { Context } from './context.ts';
import type { SkippedNode } from './drain.ts';
import { evenOutZones } from './even-zones.ts';
import { Flow, type Next, type Scene } from './flow.ts';
import { passGate } from './gate.ts';
import { forgetBalancers } from './load-balancers.ts';
import type { Plan } from './plan.ts';
import { launch, whileRefilling } from './refill.ts';
import { Ending, type Replaced } from './replaced.ts';
import { putBack } from './rollout.ts';
import { StepTimes } from './step-times.ts';
import { lookAround } from './view.ts';
import { sendOff } from './wave.ts';

/**
 * Goes on until no outdated member is left, or no time for another: launches replacements as far as max-surge has room, and
 * whenever some serve, as many outdated members leave together, a wave. What is done is read from the cluster and AWS each
 * time, so a run that was killed anywhere goes on here. Returns how many outdated members are left: for want of time, or because
 * pods on them were blocked (on-blocked: skip).
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
  const ending = new Ending(clock, onReplaced);
  const flow = new Flow(context, plan, deadline, async ({ member, since }) => {
    const wayOutMs = ending.gone(member, since);
    if (wayOutMs !== undefined) flow.pace.left(wayOutMs);
    await forgetBalancers(context, [member]);
  });
  flow.terminated(await stillLeaving(context, plan));
  const announce = await announcer(context, plan);
  let before = clock.now();
  let wave = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await flow.next();
      if ('end' in next) return await finish(context, plan, flow, next, wave > 0, deadline);
      const { scene, moves } = next;
      await launch(context, plan, scene, moves.launch, flow);
      if (moves.leave.length === 0) continue;
      wave++;
      announce(wave, scene.members, moves.leave);
      const left = scene.outdated.length - moves.leave.length;
      say(`Wave ${wave}: ${names(nodesOf(moves.leave))}; ${count(left, 'outdated node')} after it.`);
      const times = new StepTimes(clock, before);
      times.end('surge');
      await whileRefilling(context, plan, flow, () =>
        replaceWave(context, plan, flow, ending, scene, moves.leave, wave, times, onSkipped),
      );
      ending.passed(wave, Math.round((clock.now() - before) / 1000));
      context.fold?.();
      if (settings.intervalMs > 0 && left > 0)
        await pause(settings.intervalMs, { what: 'the next wave (interval)', say, clock, signal });
      before = clock.now();
    }
  } catch (error) {
    // What puts everything back must not take them for nodes that stay.
    if (!signal.aborted) await flow.seeOff().catch(() => {});
    throw error;
  } finally {
    ending.close();
  }
}

/** Members leave whose replacements serve; then the cluster must be no worse than before. */
async function replaceWave(
  context: Context,
  plan: Plan,
  flow: Flow,
  ending: Ending,
  scene: Scene,
  wave: readonly Member[],
  number: number,
  times: StepTimes,
  onSkipped: (skipped: SkippedNode) => void,
): Promise<void> {
  const { clock } = context;
  const known = troublesBefore(context);
  const tainted = clock.now();
  const notCounted = flow.notCounted(wave);
  const kept = await sendOff(context, wave, {
    plan,
    serving: {
      groups: scene.groups,
      members: scene.members.filter((m) => !scene.unready.has(m.instanceId)),
    },
    known,
    notCounted,
    times,
    inTurn: flow.inTurn,
    onTerminated(members) {
      flow.terminated(members);
      for (const member of members) ending.add(member, number, tainted, times.seconds);
    },
  });
  const isKept = (m: Member) => kept.some((k) => k.node === m.node?.metadata.name);
  for (const member of wave.filter(isKept)) flow.skip(member);
  for (const one of kept) onSkipped(one);
  await passGate(context, known, notCounted);
  times.end('gate');
  flow.proven(wave.filter((m) => !isKept(m)).map((m) => m.group));
  flow.pace.left(clock.now() - tainted);
}

const troublesBefore = ({ journal }: Context): Set<string> =>
  new Set((journal.noted('troubles') as string[] | undefined) ?? []);

/** Says why it ends, and leaves everything in order. Returns how many outdated members are left. */
async function finish(
  context: Context,
  plan: Plan,
  flow: Flow,
  { scene, end }: Extract<Next, { end: string }>,
  changed: boolean,
  deadline: number,
): Promise<number> {
  const { outdated } = scene;
  if (end === 'time') sayNoTime(context, outdated.length, deadline);
  else if (outdated.length > 0 && !flow.skips) sayOwnNode(context, outdated);
  if (changed) await passGate(context, troublesBefore(context));
  if (end === 'done' && !flow.skips) await evenOutZones(context, plan);
  return outdated.length;
}

/** A killed run may have asked for terminations that it did not see through. */
async function stillLeaving(context: Context, plan: Plan): Promise<Member[]> {
  const { members } = await lookAround(context, context.settings.select);
  const leaving = members.filter(
    (m) => m.state === 'leaving' && plan.groups.some((g) => g.outdated.includes(m.instanceId)),
  );
  await putBack(context, nodesOf(leaving));
  return leaving;
}

function sayNoTime({ say, credentialsLastUntil }: Context, left: number, deadline: number): void {
  const rest = `${count(left, 'outdated node')} left for the next run.`;
  const ends = credentialsLastUntil?.();
  say(
    ends !== undefined && ends < deadline
      ? `The AWS credentials of the job end at ${new Date(ends).toISOString().slice(11, 19)} UTC and cannot be renewed: no other wave until then, ${rest}`
      : `The time budget has no room for another wave: ${rest}`,
  );
}

/** Evicting this very process would end the run. */
function sayOwnNode({ say }: Context, outdated: readonly Member[]): void {
  say(
    `This runner is a pod on ${names(nodesOf(outdated))}, the last outdated node: it cannot replace what it runs on. Run the workflow again; the next runner starts on another node.`,
  );
}
