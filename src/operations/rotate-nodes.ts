import type { Pod } from '../cluster/objects.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import { remembering } from '../cluster/remembered.ts';
import { watched } from '../cluster/watched.ts';
import { journalRef, openJournal, readJournal } from '../journal/config-map-journal.ts';
import { joinRun, type Run, unfinishedRun } from '../journal/run.ts';
import { refuseMissingRights } from '../kubernetes/review.ts';
import { rolesToRotate } from '../kubernetes/rights.ts';
import { redisSelections } from '../redis/settings.ts';
import type { Context } from '../rotation/context.ts';
import { membersOfPlan, wholePlan } from '../rotation/control-plane/plan.ts';
import { rollControlPlane } from '../rotation/control-plane/roll.ts';
import { forcedNote, type SkippedNode } from '../rotation/drain.ts';
import { type Forecast, forecast } from '../rotation/forecast/forecast.ts';
import { planOutput } from '../rotation/forecast/output.ts';
import { noGuard } from '../rotation/gate.ts';
import { copiesStayNote } from '../rotation/image/copies.ts';
import { copiesOf } from '../rotation/image/intent.ts';
import { intoOf } from '../rotation/move-into.ts';
import type { Plan } from '../rotation/plan.ts';
import { outcome } from '../rotation/plan-summary.ts';
import type { Replaced } from '../rotation/replaced.ts';
import { type Restored, redisNote, rest, restore } from '../rotation/restore.ts';
import {
  endIt,
  findWayBack,
  noteWayBack,
  planInForce,
  rollbackNote,
  rolledBackNote,
  turnBack,
  type WayBack,
  wordsOfWay,
} from '../rotation/rollback.ts';
import { rotate } from '../rotation/rotate.ts';
import {
  begin,
  digestNote,
  makePlan,
  makeWayFor,
  notMoved,
  otherImage,
  planOf,
} from '../rotation/rotation.ts';
import { rotationSummary } from '../rotation/summary.ts';
import { nodesOfRun, whatNext } from '../rotation/what-next.ts';
import { messageOf, names } from '../text.ts';
import { watchTraffic } from '../traffic/guard.ts';
import { OtherPlan, refuseOther } from './agreed-plan.ts';
import type { Operation, Session } from './contract.ts';
import { rotateNodesContract } from './rotate-nodes-contract.ts';
import { type RotateNodesInputs, readRotateNodes } from './rotate-nodes-inputs.ts';

export const rotateNodes: Operation = {
  contract: rotateNodesContract,
  async run(session) {
    const inputs = readRotateNodes(session.inputs);
    if (inputs.phase === 'plan') return showPlan(session, inputs);
    const kubernetes = await session.kubernetes();
    // What puts settings back does what it may, and names the rest.
    if (inputs.phase !== 'restore') await refuseMissingRights(kubernetes, rolesToRotate);
    if (inputs.phase === 'rollback') return rollBack(session, inputs);
    if (
      inputs.settings.onBlocked === 'force' &&
      !(await kubernetes.canI({ verb: 'delete', resource: 'pods' }))
    )
      throw new Error(
        'on-blocked: force deletes pods, which these credentials may not do. Bind the ClusterRole eks-rolling-force of docs/rbac.yaml, or use on-blocked: fail or skip.',
      );
    // Before the lease is taken: whoever cannot reach AWS must not hold the cluster.
    await session.aws();
    const runId = inputs.runId || (inputs.phase === 'restore' ? await unfinishedRun(kubernetes) : undefined);
    if (inputs.phase === 'restore' && !runId)
      return nothing(session, 'No run is unfinished: there is nothing to put back.');
    if (inputs.phase === 'restore' && !(await unfinishedRun(kubernetes)))
      return nothing(session, `Run ${runId} has been put back already.`);
    const run = await joinRun({
      kubernetes,
      clock: session.clock,
      signal: session.signal,
      caller: session.caller,
      say: session.say,
      ...(runId ? { runId } : {}),
    });
    session.output('run-id', run.journal.runId);
    if (inputs.phase !== 'restore') await refuseTurned(run);
    await workOn(session, inputs, run);
  },
};

/** Whoever would go on forward with a run that is on its way back would undo the undoing. */
async function refuseTurned(run: Run): Promise<void> {
  const { runId } = run.journal;
  if (run.journal.noted(rollbackNote) === undefined) return;
  await run.leave(false);
  throw new Error(
    `Run ${runId} is being rolled back and has not finished. ${whatNext({ runId, ended: false, rollingBack: true }).join(' ')}`,
  );
}

/** Finds the way back, says it, and takes it. */
async function rollBack(session: Session, inputs: RotateNodesInputs): Promise<void> {
  const source = { kubernetes: await session.kubernetes(), aws: await session.aws() };
  const unfinished = await unfinishedRun(source.kubernetes);
  const runId = inputs.runId || unfinished;
  if (!runId)
    throw new Error(
      'run-id: no run is unfinished, so say which one to roll back: its log, its summary and its output run-id name it.',
    );
  const goesOn = runId === unfinished;
  const journal = await readJournal(source.kubernetes, runId);
  if (!journal)
    throw new Error(
      goesOn
        ? `Run ${runId} ended before it wrote down anything, and there is nothing to undo. ${endIt(runId)}`
        : `run-id: there is no run ${runId}; its journal would be ConfigMap ${journalRef(runId)}.`,
    );
  if (!goesOn && journal.noted(rolledBackNote))
    return nothing(session, `Run ${runId} has been rolled back already.`);
  const way = await findWayBack(source, runId, journal, goesOn);
  session.say(`Rolling back run ${runId}:`);
  for (const line of wordsOfWay(way)) session.say(line);
  // Before the lease: whoever finds this run unfinished must know that it is on its way back.
  if (!goesOn && !unfinished)
    await noteWayBack(await openJournal(source.kubernetes, session.clock, runId), way);
  const { clock, signal, caller, say } = session;
  const run = await joinRun({
    kubernetes: source.kubernetes,
    clock,
    signal,
    caller,
    say,
    runId,
    reopen: true,
  });
  session.output('run-id', runId);
  await workOn(session, inputs, run, way);
}

/** Watches the cluster as long as the work lasts. */
async function workOn(session: Session, inputs: RotateNodesInputs, run: Run, way?: WayBack): Promise<void> {
  const over = new AbortController();
  await work(session, inputs, run, over.signal, way).finally(() => over.abort());
}

/** Does the phase and leaves the run in order, whatever happens. */
async function work(
  session: Session,
  inputs: RotateNodesInputs,
  run: Run,
  over: AbortSignal,
  way?: WayBack,
): Promise<void> {
  const replaced: Replaced[] = [];
  const skipped: SkippedNode[] = [];
  let plan: Plan | undefined;
  let restored: Restored = { done: [], remaining: [] };
  let finished = false;
  let verdict = 'failed';
  let failure = '';
  let refused = false;
  const context = await contextOf(session, inputs, run, over);
  const other = inputs.phase === 'restore' || way ? undefined : otherImage(context);
  if (other) {
    await run.leave(false);
    throw new Error(other);
  }
  try {
    if (inputs.phase === 'restore') {
      plan = planInForce(context.journal);
      context.into = intoOf(plan);
    } else if (way) {
      plan = await rollbackPlan(context, way);
      tellPlan(session, plan, context.settings);
      verdict = await rotateAll(context, session, inputs, plan, { replaced, skipped });
      // No node runs the copies of a rotation to another image any more: restore may take them away.
      if (verdict !== 'incomplete') await context.journal.note(copiesStayNote, false);
    } else {
      const redis = await redisPods(context.kubernetes, inputs);
      plan = await planOf(context, redis, (plan, unfinished) => {
        if (inputs.phase !== 'drain')
          refuseOther(inputs.agreed, wholePlan(plan), inputs.settings, unfinished);
      });
      context.launchedBefore = plan.launchedBefore;
      context.into = intoOf(plan);
      tellPlan(session, plan, inputs.settings);
      if (inputs.redis.length > 0) await context.journal.note(redisNote, redisSelections(inputs.redis));
      verdict = await phase(context, session, inputs, plan, redis, { replaced, skipped });
    }
    if (verdict === 'incomplete' && plan) restored = await rest(context, plan, skipped.length > 0);
    else if (verdict !== 'prepared') {
      restored = await restore(context, plan);
      finished = restored.remaining.length === 0;
      if (inputs.phase === 'restore') verdict = finished ? 'restored' : 'failed';
      if (way) verdict = finished ? 'rolled-back' : 'failed';
      if (way && finished) await context.journal.note(rolledBackNote, true);
    }
  } catch (error) {
    failure = messageOf(error);
    refused = error instanceof OtherPlan;
    if (refused) finished = context.journal.noted(digestNote) === undefined;
    else if (session.signal.aborted) verdict = 'stopped';
    else if (!run.signal.aborted && inputs.settings.onFailure === 'restore' && inputs.phase !== 'restore') {
      session.say(`Failed: ${failure}`);
      session.say('Putting every setting back.');
      // What stops it from being put back must not hide why the rotation failed.
      restored = await restore(context, plan).catch((e) => ({ done: [], remaining: [messageOf(e)] }));
      finished = restored.remaining.length === 0;
      if (session.signal.aborted) verdict = 'stopped';
    }
  }
  // Of a plan that was refused nothing was begun.
  const next = refused ? [] : await adviceAfter(context, verdict, finished);
  for (const line of next) session.say(line);
  session.output('verdict', verdict);
  session.output('replaced', String(replaced.length));
  session.output('skipped', JSON.stringify(skipped));
  session.output('not-restored', JSON.stringify(restored.remaining));
  session.summary(
    rotationSummary({
      runId: run.journal.runId,
      phase: inputs.phase,
      verdict,
      failure,
      plan: plan && wholePlan(plan),
      replaced,
      skipped,
      forced: Object.values((run.journal.noted(forcedNote) as Record<string, string> | undefined) ?? {}),
      restored,
      way: way ? wordsOfWay(way) : [],
      next,
    }),
  );
  // A stopped run is parked: its next step, or running the workflow again, goes on with it.
  await run.leave(finished);
  if (failure) throw new Error([failure, ...next].join('\n'));
  if (restored.remaining.length > 0 && verdict !== 'incomplete')
    throw new Error(
      [`Not everything could be put back:`, ...restored.remaining.map((r) => `  - ${r}`), ...next].join('\n'),
    );
}

/** What a person can do about a run that did not end as it should. */
async function adviceAfter(context: Context, verdict: string, ended: boolean): Promise<string[]> {
  if (!['failed', 'stopped', 'incomplete'].includes(verdict)) return [];
  const { journal } = context;
  const nodes =
    verdict === 'stopped'
      ? {}
      : await nodesOfRun(context, journal.noted('plan') as unknown as Plan | undefined).catch(() => ({}));
  const rollingBack = journal.noted(rollbackNote) !== undefined;
  return whatNext({ runId: journal.runId, ended, rollingBack, ...nodes });
}

/** Turns the context and the cluster round. */
async function rollbackPlan(context: Context, way: WayBack): Promise<Plan> {
  context.keptUntil = way.keptUntil;
  context.settings = {
    ...context.settings,
    select: { names: way.turns.map((t) => t.name) },
    replace: { force: false },
  };
  // Nothing but the run itself had been written when it was taken over.
  if (context.journal.noted(rollbackNote) === undefined) await noteWayBack(context.journal, way);
  return turnBack(context, way);
}

/** The work between plan and restore. Returns the verdict. */
async function phase(
  context: Context,
  session: Session,
  inputs: RotateNodesInputs,
  plan: Plan,
  redis: readonly Pod[],
  told: { replaced: Replaced[]; skipped: SkippedNode[] },
): Promise<string> {
  if (inputs.phase === 'drain') refuseOtherPlan(context, inputs);
  if (inputs.phase === 'prepare') {
    const nodes = await makeWayFor(context, await begin(context, plan), redis);
    session.output('nodes', JSON.stringify(nodes));
    session.say(
      nodes.length > 0 ? `Ready to move Redis off ${names(nodes)}.` : 'No outdated node carries Redis.',
    );
    return 'prepared';
  }
  const left = await notMoved(context, plan, redis);
  if (left.length > 0) {
    throw new Error(
      `Redis has not moved: ${names(left)}. Run rotate-nodes phase: prepare and migrate-redis before phase: drain, so that no write is lost.`,
    );
  }
  return rotateAll(context, session, inputs, plan, told);
}

/** All waves, with an eye on the traffic. Returns the verdict. */
async function rotateAll(
  context: Context,
  session: Session,
  inputs: RotateNodesInputs,
  plan: Plan,
  told: { replaced: Replaced[]; skipped: SkippedNode[] },
): Promise<string> {
  const deadline = session.clock.now() + context.settings.timeBudgetMs;
  // A group without nodes gets its new image all the same.
  if (wholePlan(plan).waves.length === 0 && !plan.groups.some((g) => g.launch)) {
    session.output('remaining', '0');
    session.output('complete', 'true');
    return 'nothing-to-do';
  }
  const aimed = await begin(context, plan);
  const traffic = await watchTraffic(context, inputs.baseline);
  try {
    const guarded = { ...context, guard: traffic.guard };
    const first = await rollControlPlane(guarded, aimed.controlPlane, deadline, (one) =>
      told.replaced.push(one),
    );
    if (first > 0) {
      const outdated = (await membersOfPlan(context, aimed)).filter((m) => m.state === 'outdated');
      session.output('remaining', String(outdated.length));
      session.output('complete', 'false');
      return 'incomplete';
    }
    const left = await rotate(
      guarded,
      aimed,
      deadline,
      (one) => told.replaced.push(one),
      (one) => told.skipped.push(one),
    );
    session.output('remaining', String(left));
    session.output('complete', String(left === 0));
    // From here on every group keeps its new image, also one that has no node to show it.
    if (left === 0 && plan.groups.some((g) => g.launch)) await context.journal.note(copiesStayNote, true);
    return left === 0 ? 'completed' : 'incomplete';
  } finally {
    context.fold?.();
    await traffic.stop();
  }
}

async function contextOf(
  session: Session,
  inputs: RotateNodesInputs,
  run: Run,
  over: AbortSignal,
): Promise<Context> {
  const kubernetes = watched(await session.kubernetes(), over, session.say);
  return {
    kubernetes,
    changed: kubernetes.changed,
    aws: remembering(await session.aws(), session.clock),
    clock: session.clock,
    signal: run.signal,
    journal: run.journal,
    settings: inputs.settings,
    guard: noGuard,
    say: session.say,
    self: session.self,
    credentialsLastUntil: session.credentialsLastUntil,
    fold: session.fold,
  };
}

function refuseOtherPlan(context: Context, inputs: RotateNodesInputs): void {
  const digest = context.journal.noted(digestNote);
  if (digest === inputs.agreed.digest) return;
  throw new Error(
    `plan-digest: got ${inputs.agreed.digest}, but run ${context.journal.runId} has the plan ${String(digest)}. Run phase: prepare again and hand on its outputs.`,
  );
}

async function redisPods(kubernetes: Kubernetes, inputs: RotateNodesInputs): Promise<Pod[]> {
  const lists = redisSelections(inputs.redis).map(({ namespace, labels }) =>
    kubernetes.list('pods', { namespace, labelSelector: labels }),
  );
  return (await Promise.all(lists)).flatMap((l) => l.items);
}

function tellPlan(session: Session, planned: Plan, settings: object, told?: Forecast): void {
  const plan = wholePlan(planned);
  session.output('plan-digest', plan.digest);
  session.output('plan', JSON.stringify(planOutput(plan, settings, told)));
  for (const g of plan.groups) {
    session.say(
      `Plan: ${g.name} has ${g.desired} nodes, ${g.outdated.length} outdated; at most ${g.peak} at once.`,
    );
    for (const { of, now, next } of g.launch ? copiesOf(g.launch) : [])
      session.say(`Plan: ${g.name} launches ${now} now and ${next} then, from a copy of ${of} that is made.`);
  }
  if (told && plan.waves.length > 0) session.say(`Plan: ${outcome(plan, told)}`);
}

/** Reads only: no lease, no journal, no taint. */
async function showPlan(session: Session, inputs: RotateNodesInputs): Promise<void> {
  const { self, say } = session;
  const source = { kubernetes: await session.kubernetes(), aws: await session.aws(), say, self };
  const redis = await redisPods(source.kubernetes, inputs);
  const now = session.clock.now();
  const plan = await makePlan(source, inputs.settings, now, redis);
  const told = await forecast(source, plan, inputs.settings, now, redis);
  tellPlan(session, plan, inputs.settings, told);
  session.output('verdict', 'planned');
  session.summary(
    rotationSummary({
      runId: '',
      phase: 'plan',
      verdict: 'planned',
      failure: '',
      plan: wholePlan(plan),
      forecast: told,
      replaced: [],
      restored: { done: [], remaining: [] },
      way: [],
      next: [],
    }),
  );
}

function nothing(session: Session, text: string): void {
  session.say(text);
  session.output('verdict', 'nothing-to-do');
}
