import type { Context } from './context.ts';
import type { Flow, Scene } from './flow.ts';
import type { Moves } from './next-moves.ts';
import type { Plan } from './plan.ts';
import { request } from './surge.ts';

const refillMs = 3000;

export async function launch(
  context: Context,
  plan: Plan,
  scene: Scene,
  launches: Moves['launch'],
  flow: Flow,
): Promise<void> {
  for (const { group: name, zones } of launches) {
    const group = scene.groups.find((g) => g.name === name);
    if (!group) continue;
    // Before AWS is asked: somebody else may see what it launches before it has answered.
    flow.launched(name, zones);
    await flow.inTurn(() => request(context, plan, group, zones));
  }
}

/**
 * Launches the next replacements wherever an instance that is gone makes room while a wave is on its way. What fails in this
 * is thrown when the wave has ended.
 */
export async function whileRefilling<T>(
  context: Context,
  plan: Plan,
  flow: Flow,
  act: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  const refill = async (): Promise<void> => {
    for (;;) {
      await context.clock.sleep(refillMs, signal);
      const { scene, launch: launches } = await flow.refill();
      signal.throwIfAborted();
      await launch(context, plan, scene, launches, flow);
    }
  };
  const ended = refill().catch((error: unknown) => (signal.aborted ? undefined : { error }));
  const result = await act().finally(async () => {
    over.abort();
    await ended;
  });
  const failed = await ended;
  if (failed) throw failed.error;
  return result;
}
