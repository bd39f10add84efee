import { calm, defaultPatience, type Patience } from './calm.ts';
import type { PlayedCluster } from './cluster.ts';
import { type EndState, endState } from './end-state.ts';
import { createWorld, removeWorld } from './existence.ts';
import { broken, unjustified } from './invariants.ts';
import { perform } from './perform.ts';
import { type Action, described } from './random-play.ts';
import type { View } from './view.ts';
import type { Workload, World } from './world.ts';

/** What an action brought about, once the world was calm again. */
export interface Scene {
  action: string;
  /** Of the API, per pod or per workload, sorted. */
  answers: string[];
  state: EndState;
  /** Invariants of Kubernetes that did not hold. */
  broken: string[];
}

/**
 * Plays every action, waiting for calm after each; leaves nothing behind in the cluster.
 * @param expected what came of the same actions elsewhere: a cluster that is on its way there is given the time
 */
export async function play(
  cluster: PlayedCluster,
  world: World,
  actions: readonly Action[],
  patience: Patience = defaultPatience,
  expected: readonly Scene[] = [],
): Promise<Scene[]> {
  const uneven = new Set<string>();
  const scenes: Scene[] = [];
  try {
    await createWorld(cluster, world, patience);
    const asElsewhere = (before: View | undefined) => {
      const there = expected[scenes.length];
      const state = JSON.stringify(there?.state);
      return (view: View) =>
        !there ||
        (broken(view, before, world, uneven).length === 0 &&
          JSON.stringify(endState(view, world, uneven)) === state);
    };
    const end = (before?: View) => calm(cluster, world, patience, asElsewhere(before));
    let view = await end();
    scenes.push({
      action: 'create the world',
      answers: [],
      state: endState(view, world, uneven),
      broken: broken(view, undefined, world, uneven),
    });
    for (const action of actions) {
      for (const name of madeUneven(action, world)) uneven.add(name);
      const before = view;
      const act = cluster.act ?? ((_, now) => now());
      const { answers, accepted } = await act(world.name, () => perform(action, cluster, world, before));
      view = await end(before);
      scenes.push({
        action: described(action),
        answers: answers.sort(),
        state: endState(view, world, uneven),
        broken: [...unjustified(accepted, before), ...broken(view, before, world, uneven)],
      });
    }
  } finally {
    await removeWorld(cluster, world);
  }
  return scenes;
}

/** The workloads whose pods are from now on spread over nodes by somebody's free choice. */
function madeUneven(action: Action, { workloads }: World): string[] {
  const is = (w: Workload, ...how: Workload['placement']['how'][]) => how.includes(w.placement.how);
  if (action.do === 'lose node') return workloads.filter((w) => is(w, 'spread')).map((w) => w.name);
  if (action.do !== 'change template') return [];
  return workloads.filter((w) => w.name === action.workload && is(w, 'spread', 'filling')).map((w) => w.name);
}
