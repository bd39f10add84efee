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
  say?: (line: string) => void;
}

/** Plays the worlds of the seeds to both clusters, `parallel` at a time, and compares what came of each action. */
export async function playMany(
  clusters: { a: PlayedCluster; b: PlayedCluster },
  seeds: readonly number[],
  parallel: number,
  { patience = {}, say = () => {} }: Options = {},
): Promise<Verdict[]> {
  const waiting = [...seeds];
  const verdicts: Verdict[] = [];
  const worker = async () => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const faults = await playBoth(clusters, seed, patience);
      verdicts.push({ seed, faults });
      say(`World ${seed}: ${faults.length === 0 ? 'equal' : `\n${faults.join('\n')}`}`);
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
  const playings = await Promise.allSettled([
    play(a, world, actions, patience.a ?? defaultPatience),
    play(b, world, actions, patience.b ?? defaultPatience),
  ]);
  const failed = playings.flatMap((p) => (p.status === 'rejected' ? [String(p.reason)] : []));
  if (failed.length > 0) return [...failed, ...actions.map((action) => `  ${described(action)}`)];
  const [one = [], two = []] = playings.map((p) => (p.status === 'fulfilled' ? p.value : []));
  return [...brokenIn(one, 'here'), ...brokenIn(two, 'there'), ...differences(one, two)];
}

const brokenIn = (scenes: Scene[], where: string): string[] =>
  scenes.flatMap((s) => s.broken.map((line) => `${where}, after ${s.action}: ${line}`));
