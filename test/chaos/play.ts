import { instanceIdOf, nodeReady } from '../../src/cluster/members.ts';
import { combined } from '../../src/rehearsal/faulty/combined.ts';
import { newImage } from '../../src/rehearsal/scenario/account.ts';
import { type Engine, shopWorld, startEngine, type World } from '../rotation/world.ts';
import {
  type Cut,
  describe,
  draw,
  releaseConfigurations,
  type Scenario,
  shape,
  workloadsOf,
} from './draw.ts';
import { watchServices } from './services.ts';

export interface Outcome {
  seed: number;
  /** What must not have happened; empty when all is well. */
  problems: string[];
  /** How each engine ended. */
  endings: string[];
  /** The scenario, and everything that every engine said. */
  log: string[];
}

const mostEngines = 12;
const longestMs = 6 * 3_600_000;
const settleMs = 120_000;

/** Plays the scenario of a seed to its end. */
export async function play(seed: number): Promise<Outcome> {
  const scenario = draw(seed);
  const log = describe(scenario);
  const endings: string[] = [];
  const problems: string[] = [];
  const world = await shopWorld({
    seed,
    factor: scenario.factor,
    fault: combined(scenario.faults),
    more: workloadsOf(scenario),
    account: (description) => shape(description, scenario),
    released: releaseConfigurations,
  });
  const services = watchServices(world);
  if (scenario.faultsPassAfterMs !== undefined)
    world.clock.after(scenario.faultsPassAfterMs, () => world.cluster.fault.end());

  const run = async (inputs: Record<string, string>, cut?: Cut): Promise<Engine & { ending: string }> => {
    const engine = startEngine(world, inputs, diesOf(cut));
    const ending = await endOf(world, engine);
    const at = Math.round((world.clock.now() - began) / 1000);
    const line = `[${at}s] engine ${world.processes} (${inputs.phase ?? 'all'}${cut ? ', cut' : ''}): ${ending || engine.outputs.verdict}`;
    endings.push(line);
    log.push(...engine.log.map((l) => `  ${l}`), line);
    return { ...engine, ending };
  };
  const began = world.clock.now();

  try {
    await follow(world, scenario, run, problems);
  } catch (error) {
    problems.push(`it did not end: ${(error as Error).message}`);
  }
  problems.push(...services.failures.map((f) => `requests could fail: ${f}`));
  await world.cluster.stop();
  log.push(...problems.map((p) => `PROBLEM ${p}`));
  return { seed, problems, endings, log };
}

type Run = (inputs: Record<string, string>, cut?: Cut) => Promise<Engine & { ending: string }>;

/** What a person does: runs it, runs it again when it was cut, restores it when it failed, and runs it once all is well. */
async function follow(world: World, scenario: Scenario, run: Run, problems: string[]): Promise<void> {
  const { inputs } = scenario;
  const cuts = [...scenario.cuts];
  let force = inputs.force ?? 'false';
  for (let n = 1; ; n++) {
    if (n > mostEngines) {
      problems.push(`still not complete after ${mostEngines} engines`);
      return;
    }
    const cut = cuts.shift();
    const engine = await run({ ...inputs, force }, cut);
    const { verdict } = engine.outputs;
    if (engine.ending === 'killed' || verdict === 'stopped') {
      if (cut?.next === 'restore') await restoreAll(world, run, cuts, problems);
      continue;
    }
    if (verdict === 'completed' || verdict === 'nothing-to-do') break;
    if (verdict === 'incomplete') continue;
    if (scenario.faults.every((f) => f.explained.conclusion === 'success'))
      problems.push(`a failure though nothing stood in the way for long: ${engine.ending}`);
    if (!isExplained(engine.ending))
      problems.push(`a failure that does not say what to do: ${engine.ending}`);
    await restoreAll(world, run, cuts, problems);
    // What it could not know is gone by the time somebody runs it again.
    world.cluster.fault.end();
    cuts.length = 0;
    force = 'false';
    await world.clock.advance(settleMs);
  }
  world.cluster.fault.end();
  problems.push(...world.changed().map((c) => `left changed: ${c}`));
  if (world.lease()) problems.push('the lease is still there');
  await world.clock.advance(settleMs);
  problems.push(...world.changed().map((c) => `changed later: ${c}`));
  problems.push(...leftovers(world));
}

/** Puts everything back: with the fault still at work if that is possible, and surely when it is over. */
async function restoreAll(world: World, run: Run, cuts: Cut[], problems: string[]): Promise<void> {
  for (const faultIsOver of [false, true]) {
    if (faultIsOver) {
      world.cluster.fault.end();
      await world.clock.advance(settleMs);
    }
    const cut = faultIsOver ? undefined : cuts.shift();
    const { ending, outputs } = await run({ phase: 'restore', ...restoreTimeouts }, cut);
    if (cut && (ending === 'killed' || outputs.verdict === 'stopped')) continue;
    if (!ending && (outputs.verdict === 'restored' || outputs.verdict === 'nothing-to-do')) {
      problems.push(...world.changed().map((c) => `not put back: ${c}`));
      if (world.lease()) problems.push('the lease is still there after restore');
      return;
    }
    if (!isExplained(ending)) problems.push(`a restore that does not say what to do: ${ending}`);
    if (faultIsOver) problems.push(`it cannot be put back: ${ending}`);
  }
}

const restoreTimeouts = { 'drain-timeout': '5m', 'volume-timeout': '2m', 'terminate-timeout': '5m' };

const diesOf = (cut: Cut | undefined) =>
  !cut ? {} : cut.how === 'killed' ? { afterWrite: cut.afterWrite } : { stopsAfterWrite: cut.afterWrite };

/** Empty, the message of a failure, or `killed`. */
async function endOf(world: World, engine: Engine): Promise<string> {
  let ended: string | undefined;
  engine.ended.then((failure) => {
    ended = failure;
  });
  const until = world.clock.now() + longestMs;
  while (ended === undefined && !engine.killed()) {
    if (world.clock.now() > until)
      throw new Error(`an engine was still at work after ${longestMs / 3_600_000} hours`);
    await world.clock.advance(250);
  }
  return engine.killed() ? 'killed' : (ended ?? '');
}

/** A person can go on from it: it names what to do, and is nobody's stack trace. */
function isExplained(message: string): boolean {
  if (/undefined|TypeError|is not a function|Cannot read|\bNaN\b/.test(message)) return false;

  const names = /Node |Pod |Deployment |StatefulSet |DaemonSet |shop-|ip-10-|i-[0-9a-f]{8}|lease|journal/;
  return names.test(message) && /again|phase: restore/.test(message);
}

/** Nodes and instances are as many as they should be, all new, all well; nothing of ours is left. */
function leftovers({ cluster: { aws, store } }: World): string[] {
  const found: string[] = [];
  for (const group of aws.groups.values()) {
    const members = aws.membersOf(group.name);
    if (members.length !== group.desired)
      found.push(`${group.name} has ${members.length} instances and wants ${group.desired}`);
    for (const { id, lifecycle, imageId } of members) {
      const node = store.list('nodes').find((n) => instanceIdOf(n) === id);
      if (imageId !== newImage) found.push(`${id} of ${group.name} runs the old image`);
      if (lifecycle !== 'InService') found.push(`${id} of ${group.name} is ${lifecycle}`);
      if (!nodeReady(node)) found.push(`${id} of ${group.name} is no ready node`);
    }
  }
  for (const { metadata } of store.list('nodes'))
    for (const mark of Object.keys(metadata.annotations ?? {}))
      if (/eks-rolling|scale-down-disabled/.test(mark)) found.push(`${metadata.name} still has ${mark}`);
  return found;
}
