import { destroyingFaults } from '../../src/rehearsal/faults/index.ts';
import { combined } from '../../src/rehearsal/faulty/combined.ts';
import { startVisitors, type Visitors } from '../rotation/visitors.ts';
import { type Engine, shopWorld, startEngine, type World } from '../rotation/world.ts';
import { type Cut, describe, draw, type Scenario } from './draw.ts';
import { changedSettings, changedSpecs, marksLeft, specs, wrongNodes } from './endings.ts';
import { follow, type Run, settleMs } from './follow.ts';
import { type Rules, watchRules } from './rules.ts';
import { watchServices } from './services.ts';
import { releaseConfigurations, shape, workloadsOf } from './shape.ts';

export interface Outcome {
  seed: number;
  /** What must not have happened; empty when all is well. */
  problems: string[];
  /** How each engine ended. */
  endings: string[];
  /** The scenario, and everything that every engine said. */
  log: string[];
  /** What came of it: how its engines ended, by phase and verdict, and which nodes there were in the end. */
  went: ReadonlySet<string>;
}

const longestMs = 6 * 3_600_000;
/** A log that is silent for longer looks like an engine that hangs. */
const silentMs = 30_000;
/** In these the engine waits within a single request or update; what its real client says of that is not in this log. */
const silentToo = { faults: ['api-restart', 'conflicts'], ms: 90_000 };
const stepMs = 250;

/** Plays the scenario of a seed to its end. */
export async function play(seed: number): Promise<Outcome> {
  const scenario = draw(seed);
  const log = describe(scenario);
  const endings: string[] = [];
  const problems: string[] = [];
  const went = new Set<string>();
  const world = await shopWorld({
    seed,
    factor: scenario.factor,
    fault: combined(scenario.faults),
    more: workloadsOf(scenario),
    account: (description) => shape(description, scenario),
    ...(scenario.givenImage ? { noRelease: true } : { released: releaseConfigurations }),
  });
  const settings = specs(world);
  const services = watchServices(world);
  const rules = watchRules(world, scenario);
  const visitors = await visit(world, scenario);
  if (scenario.faultsPassAfterMs !== undefined)
    world.clock.after(scenario.faultsPassAfterMs, () => world.cluster.fault.end());

  const began = world.clock.now();
  const run: Run = async (inputs, cut) => {
    const phase = inputs.phase ?? 'all';
    const engine: Engine = startEngine(world, inputs, {
      ...diesOf(cut),
      onWrite: (name, args) => rules.onWrite({ phase, log: engine.log }, name, args),
    });
    const mute = scenario.faults.some((f) => silentToo.faults.includes(f.name));
    const ending = await endOf(world, engine, rules, mute ? silentToo.ms : silentMs);
    const at = Math.round((world.clock.now() - began) / 1000);
    const line = `[${at}s] engine ${world.processes} (${phase}${cut ? ', cut' : ''}): ${ending || engine.outputs.verdict}`;
    went.add(`${phase} ${ending === 'killed' ? 'killed' : engine.outputs.verdict}`);
    endings.push(line);
    log.push(...engine.log.map((l) => `  ${l}`), line);
    return { ...engine, ending };
  };

  try {
    const ended = await follow({ world, scenario, run, problems });
    if (ended) {
      went.add(`ended ${ended.way}`);
      world.cluster.fault.end();
      const changed = () => changedSettings(world, scenario, ended.way);
      problems.push(...changed().map((c) => `left changed: ${c}`));
      if (world.lease()) problems.push('the lease is still there');
      problems.push(...marksLeft(world));
      await world.clock.advance(settleMs);
      // AWS tries again after a while where it had nothing to launch.
      for (let n = 0; n < 3 && wrongNodes(world, scenario, ended).length > 0; n++)
        await world.clock.advance(settleMs);
      problems.push(...changed().map((c) => `changed later: ${c}`));
      problems.push(...changedSpecs(settings, specs(world)));
      problems.push(...wrongNodes(world, scenario, ended));
    }
  } catch (error) {
    problems.push(`it did not end: ${(error as Error).message}`);
  }
  rules.atLast();
  problems.push(...rules.problems);
  problems.push(...services.failures.map((f) => `requests could fail: ${f}`));
  if (visitors) problems.push(...new Set(visitors.failed.map((f) => `a visitor was let down: ${f}`)));
  await world.cluster.stop();
  log.push(...problems.map((p) => `PROBLEM ${p}`));
  return { seed, problems, endings, log, went };
}

/**
 * Visitors who come in through nodes, unless a fault takes away what serves them or the inputs allow that it is missing. With
 * externalTrafficPolicy Local a node whose pods have to move first lets some down: its load balancer hears of it late.
 */
async function visit(world: World, { front, faults, inputs }: Scenario): Promise<Visitors | undefined> {
  if (!front) return undefined;
  // Until every target has been found healthy.
  await world.clock.advance(60_000);
  const destroyed = faults.some((f) => destroyingFaults.includes(f));
  if (destroyed || front === 'local' || inputs['min-healthy-targets'] === '0') return undefined;
  return startVisitors(world, { service: 'front', everyMs: 1000 });
}

const diesOf = (cut: Cut | undefined) =>
  !cut ? {} : cut.how === 'killed' ? { afterWrite: cut.afterWrite } : { stopsAfterWrite: cut.afterWrite };

/** Empty, the message of a failure, or `killed`. */
async function endOf({ clock }: World, engine: Engine, rules: Rules, longest: number): Promise<string> {
  let ended: string | undefined;
  engine.ended.then((failure) => {
    ended = failure;
  });
  const until = clock.now() + longestMs;
  let said = { lines: 0, at: clock.now() };
  while (ended === undefined && !engine.killed()) {
    if (clock.now() > until)
      throw new Error(`an engine was still at work after ${longestMs / 3_600_000} hours`);
    await clock.advance(stepMs);
    rules.look();
    if (engine.log.length !== said.lines) said = { lines: engine.log.length, at: clock.now() };
    else if (clock.now() - said.at === longest + stepMs)
      rules.problems.push(`nothing was said for ${longest / 1000}s after: ${engine.log.at(-1)}`);
  }
  return engine.killed() ? 'killed' : (ended ?? '');
}
