import { defaultPatience, type Patience } from './calm.ts';
import type { PlayedCluster } from './cluster.ts';
import { differences } from './compare.ts';
import { play, type Scene } from './play.ts';
import { described, randomPlay } from './random-play.ts';
import { randomWorld } from './random-world.ts';

export interface Verdict {
  seed: number;
  /** Lines that say where the two clusters differ, or which invariant did not hold; empty when all is well. */
  faults: string[];
}

export interface Options {
  patience?: { a?: Patience; b?: Patience };
  /** Told of each world that has come to its end. */
  onVerdict?: (verdict: Verdict) => void;
}

/** One line for each world with a fault, its first one; then all of them, for whoever sees more than the first lines. */
export function describedFaults(verdicts: readonly Verdict[]): string {
  const faulty = verdicts.filter((v) => v.faults.length > 0);
  return [
    ...faulty.map(({ seed, faults: [first] }) => `World ${seed}: ${first}`),
    ...faulty.flatMap(({ seed, faults }) => ['', `World ${seed}:`, ...faults]),
  ].join('\n');
}

/** Plays the worlds of the seeds to both clusters, `parallel` at a time, and compares what came of each action. */
export async function playMany(
  clusters: { a: PlayedCluster; b: PlayedCluster },
  seeds: readonly number[],
  parallel: number,
  { patience = {}, onVerdict = () => {} }: Options = {},
): Promise<Verdict[]> {
  const waiting = [...seeds];
  const verdicts: Verdict[] = [];
  const worker = async () => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const verdict = { seed, faults: await playBoth(clusters, seed, patience) };
      verdicts.push(verdict);
      onVerdict(verdict);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return verdicts.sort((x, y) => x.seed - y.seed);
}

async function playBoth(
  { a, b }: { a: PlayedCluster; b: PlayedCluster },
  seed: number,
  patience: NonNullable<Options['patience']>,
): Promise<string[]> {
  const world = randomWorld(seed);
  const actions = randomPlay(world);
  try {
    const here = await play(a, world, actions, patience.a ?? defaultPatience);
    const there = await play(b, world, actions, patience.b ?? defaultPatience, here);
    return [...brokenIn(here, 'here'), ...brokenIn(there, 'there'), ...differences(here, there)];
  } catch (error) {
    return [String(error), ...actions.map((action) => `  ${described(action)}`)];
  }
}

const brokenIn = (scenes: Scene[], where: string): string[] =>
  scenes.flatMap((s) => s.broken.map((line) => `${where}, after ${s.action}: ${line}`));
