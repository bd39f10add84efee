import { type Member, nodesOf } from '../cluster/members.ts';
import { count, names } from '../text.ts';
import { pause } from '../wait.ts';
import { announcer } from './announce.ts';
import type { Context } from './context.ts';
import type { SkippedNode } from './drain.ts';
import { evenOutZones } from './even-zones.ts';
import { Flow, type Scene } from './flow.ts';
import { passGate } from './gate.ts';
import type { Leaving } from './in-flight.ts';
import { forgetBalancers } from './load-balancers.ts';
import { homeOf } from './move-into.ts';
import type { Moves } from './next-moves.ts';
import type { Plan } from './plan.ts';
import { putBack } from './rollout.ts';
import { type StepSeconds, StepTimes } from './step-times.ts';
import { request } from './surge.ts';
import { lookAround } from './view.ts';
import { sendOff } from './wave.ts';

/** One node that was replaced, for the summary. */
export interface Replaced {
  node: string;
  group: string;
  wave: number;
  /** Of its whole wave, and of the steps of it. */
  seconds: number;
  steps: StepSeconds;
}

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
  const known = new Set((context.journal.noted('troubles') as string[] | undefined) ?? []);
  /** Told to terminate, and not gone yet. */
  const ending = new Map<string, { replaced: Replaced; began: number }>();
  const tell = (id: string) => {
    const one = ending.get(id);
    ending.delete(id);
    if (one) onReplaced(one.replaced);
  };
  const flow = new Flow(context, plan, deadline, async ({ member, since }: Leaving) => {
    const { replaced, began } = ending.get(member.instanceId) ?? {};
    if (replaced) replaced.steps.terminate = Math.round((clock.now() - since) / 1000);
    if (began !== undefined) flow.pace.left(clock.now() - began);
    await forgetBalancers(context, [member]);
    tell(member.instanceId);
  });
  flow.terminated(await stillLeaving(context, plan));
  const announce = await announcer(context, plan);
  let times = new StepTimes(clock);
  let began = clock.now();
  let wave = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await flow.next();
      if ('end' in next) {
        const left = next.scene.outdated.length;
        if (next.end === 'time') sayNoTime(context, left, flow.ends, deadline);
        else if (left > 0 && !flow.skips) sayOwnNode(context, next.scene.outdated);
        if (wave > 0) await passGate(context, known);
        context.fold?.();
        if (next.end === 'done' && !flow.skips) await evenOutZones(context, plan);
        return left;
      }
      const { scene, moves } = next;
      await launch(context, plan, scene, moves, flow);
      if (moves.leave.length === 0) continue;
      wave++;
      const started = clock.now();
      times.end('surge');
      announce(wave, scene.members, moves.leave);
      const after = scene.outdated.length - moves.leave.length;
      say(`Wave ${wave}: ${names(nodesOf(moves.leave))}; ${count(after, 'outdated node')} after it.`);
      const serving = {
        groups: scene.groups,
        members: scene.members.filter((m) => !scene.unready.has(m.instanceId)),
      };
      const notCounted = flow.notCounted(moves.leave);
      const kept = await sendOff(context, plan, serving, moves.leave, known, notCounted, times);
      const isKept = (m: Member) => kept.some((k) => k.node === m.node?.metadata.name);
      const left = moves.leave.filter((m) => !isKept(m));
      flow.terminated(left);
      for (const member of moves.leave.filter(isKept)) flow.skip(member);
      for (const one of kept) onSkipped(one);
      const steps: StepSeconds = {};
      for (const m of left)
        ending.set(m.instanceId, { replaced: replacedBy(m, wave, steps), began: started });
      await passGate(context, known, notCounted);
      times.end('gate');
      Object.assign(steps, { ...times.seconds(), ...steps });
      for (const { replaced } of [...ending.values()].filter((e) => e.replaced.wave === wave))
        replaced.seconds = Math.round((clock.now() - began) / 1000);
      flow.proven(left.map((m) => m.group));
      flow.pace.left(clock.now() - started);
      context.fold?.();
      if (settings.intervalMs > 0 && after > 0)
        await pause(settings.intervalMs, { what: 'the next wave (interval)', say, clock, signal });
      times = new StepTimes(clock);
      began = clock.now();
    }
  } catch (error) {
    // What puts everything back must not take them for nodes that stay.
    if (!signal.aborted) await flow.seeOff().catch(() => {});
    throw error;
  } finally {
    for (const id of [...ending.keys()]) tell(id);
  }
}

const replacedBy = (m: Member, wave: number, steps: StepSeconds): Replaced => ({
  node: m.node?.metadata.name ?? m.instanceId,
  group: homeOf(m),
  wave,
  seconds: 0,
  steps,
});

async function launch(context: Context, plan: Plan, scene: Scene, moves: Moves, flow: Flow): Promise<void> {
  for (const { group: name, zones } of moves.launch) {
    const group = scene.groups.find((g) => g.name === name);
    if (!group) continue;
    await request(context, plan, group, zones);
    flow.launched(name, zones);
  }
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

function sayNoTime({ say }: Context, left: number, ends: number, deadline: number): void {
  const rest = `${count(left, 'outdated node')} left for the next run.`;
  say(
    ends < deadline
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
