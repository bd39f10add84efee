import type { Engine, World } from '../rotation/world.ts';
import type { Cut, Scenario } from './draw.ts';
import { changedSettings, type Ended, planOfRun } from './endings.ts';

/** An engine that has ended, and its failure: empty, the message, or `killed`. */
export type EndedEngine = Engine & { ending: string };
export type Run = (inputs: Record<string, string>, cut?: Cut) => Promise<EndedEngine>;

export interface Player {
  world: World;
  scenario: Scenario;
  run: Run;
  problems: string[];
}

const mostEngines = 16;
const mostRollbacks = 6;
export const settleMs = 120_000;

const wasCut = ({ ending, outputs }: EndedEngine): boolean =>
  ending === 'killed' || outputs.verdict === 'stopped';
const isContent = ({ ending, outputs }: EndedEngine, ...verdicts: string[]): boolean =>
  !ending && verdicts.includes(outputs.verdict ?? '');

/**
 * What a person does: runs it, does what was drawn when it was cut or when it failed, and runs it until all is well. What
 * stood in the way is gone by the time somebody has looked after it.
 * @returns undefined when there is no end
 */
export async function follow(player: Player): Promise<Ended | undefined> {
  const { scenario, run, problems } = player;
  const { inputs } = scenario;
  const cuts = [...scenario.cuts];
  let force = inputs.force ?? 'false';
  let skips = 0;
  let way: Ended['way'] = 'forward';
  for (let n = 1; n <= mostEngines; n++) {
    const cut = cuts.shift();
    const engine = await run({ ...inputs, force }, cut);
    if (wasCut(engine)) {
      if (cut?.next === 'restore') await restoreAll(player, cuts, way !== 'forward');
      if (cut?.next !== 'rollback') continue;
      const undone = await rollBack(player, cuts);
      if (undone.how === 'back') return undone.ended;
      if (undone.how === 'left') way = 'either';
      continue;
    }
    if (isContent(engine, 'completed', 'nothing-to-do')) return { way };
    if (isContent(engine, 'incomplete')) {
      if (engine.outputs['not-restored'] === '[]') checkSettings(player, 'changed while it rests', way);
      if (engine.outputs.skipped !== '[]' && ++skips >= 2) await lookAfter(player);
      continue;
    }
    if (!standsInTheWay(scenario, engine.ending))
      problems.push(`a failure though nothing stood in the way for long: ${engine.ending}`);
    checkExplained(player, 'a failure', engine.ending);
    if (scenario.afterFailure === 'rollback') {
      const undone = await rollBack(player, cuts, engine.outputs['run-id']);
      if (undone.how === 'back') return undone.ended;
      if (undone.how === 'left') way = 'either';
    }
    await restoreAll(player, cuts, way !== 'forward');
    await lookAfter(player);
    cuts.length = 0;
    force = 'false';
  }
  problems.push(`still not complete after ${mostEngines} engines`);
  return undefined;
}

/** Somebody repairs what is broken. */
async function lookAfter({ world }: Player): Promise<void> {
  world.cluster.fault.end();
  await world.clock.advance(settleMs);
}

/** Only what no rotation can hide from the services may end one. */
function standsInTheWay({ faults }: Scenario, ending: string): boolean {
  const soaked = /was taken off .* while it soaked/.test(ending);
  return faults.some((f) => f.explained.conclusion === 'failure' || (soaked && f.name === 'node-deleted'));
}

/** Puts everything back: with the fault still at work if that is possible, and surely when it is over. */
async function restoreAll(player: Player, cuts: Cut[], turned: boolean): Promise<void> {
  const { world, scenario, run, problems } = player;
  for (const faultIsOver of [false, true]) {
    if (faultIsOver) await lookAfter(player);
    const cut = faultIsOver ? undefined : cuts.shift();
    const engine = await run({ phase: 'restore', ...restoreTimeouts }, cut);
    if (cut && wasCut(engine)) continue;
    if (isContent(engine, 'restored', 'nothing-to-do')) {
      checkSettings(player, 'not put back', turned ? 'either' : 'forward');
      if (world.lease()) problems.push('the lease is still there after restore');
      if (!scenario.restoresTwice) return;
      const again = await run({ phase: 'restore', ...restoreTimeouts });
      if (!isContent(again, 'nothing-to-do') || again.writes() > 0)
        problems.push(`a second restore found something to do: ${again.ending || again.outputs.verdict}`);
      return;
    }
    checkExplained(player, 'a restore', engine.ending);
    if (faultIsOver) problems.push(`it cannot be put back: ${engine.ending}`);
  }
}

const restoreTimeouts = { 'drain-timeout': '5m', 'volume-timeout': '2m', 'terminate-timeout': '5m' };

/** Back to the old nodes; `refused` when there is nothing to go back to, `left` when somebody left it half way. */
type Undone = { how: 'back'; ended: Ended } | { how: 'refused' } | { how: 'left' };

/** @param failed the id of a run that has ended; without it the unfinished one */
async function rollBack(player: Player, cuts: Cut[], failed = ''): Promise<Undone> {
  const { world, scenario, run, problems } = player;
  let runId = failed;
  let turned = false;
  let skips = 0;
  for (let n = 1; n <= mostRollbacks; n++) {
    const cut = cuts.shift();
    const inputs = { ...scenario.inputs, phase: 'rollback', validation: '', baseline: '', 'run-id': runId };
    const engine = await run(inputs, cut);
    turned ||= engine.writes() > 0;
    // Its log names the run, also when it was cut: that may have been after the very last write.
    runId = engine.outputs['run-id'] ?? runId;
    if (wasCut(engine)) {
      if (cut?.next !== 'restore') continue;
      await restoreAll(player, cuts, true);
      return { how: 'left' };
    }
    if (isContent(engine, 'rolled-back', 'nothing-to-do')) {
      checkSettings(player, 'not rolled back', 'back');
      if (world.lease()) problems.push('the lease is still there after the rollback');
      return { how: 'back', ended: { way: 'back', runId, plan: planOfRun(world, runId) } };
    }
    if (isContent(engine, 'incomplete')) {
      if (engine.outputs.skipped !== '[]' && ++skips >= 2) await lookAfter(player);
      continue;
    }
    checkExplained(player, 'a rollback', engine.ending);
    if (!turned && nothingToUndo.test(engine.ending)) return { how: 'refused' };
    await lookAfter(player);
    cuts.length = 0;
  }
  problems.push(`still not rolled back after ${mostRollbacks} engines`);
  return { how: 'left' };
}

const nothingToUndo = /there is nothing to undo|no run is unfinished|the other way round/;

function checkSettings({ world, scenario, problems }: Player, words: string, way: Ended['way']): void {
  problems.push(...changedSettings(world, scenario, way).map((c) => `${words}: ${c}`));
}

/** A person can go on from it: it names what to do, and is nobody's stack trace. */
function checkExplained({ problems }: Player, what: string, message: string): void {
  const broken = /undefined|TypeError|is not a function|Cannot read|\bNaN\b/.test(message);
  const names =
    /Node |Pod |Deployment |StatefulSet |DaemonSet |shop-|ip-10-|i-[0-9a-f]{8}|lease|journal|[Rr]un /;
  const advises = /again|phase: restore|phase: all|run-id/;
  if (broken || !names.test(message) || !advises.test(message))
    problems.push(`${what} that does not say what to do: ${message}`);
}
