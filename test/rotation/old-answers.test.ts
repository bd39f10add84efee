import { expect, test } from '@jest/globals';
import { staleAnswers } from '../../src/rehearsal/faults/stale-answers.ts';
import { newImage } from '../../src/rehearsal/scenario/account.ts';
import { taintKey } from '../../src/rotation/context.ts';
import { runEngine, shopWorld, startEngine } from './world.ts';

test.each([1, 2, 3])(
  'old nodes are closed and replaced though AWS still describes what their groups launched before, seed %i',
  async (seed) => {
    const world = await shopWorld({ seed, fault: staleAnswers, factor: 2, noRelease: true });
    const run = startEngine(world, { ami: newImage });
    const open = new Set<string>();
    world.cluster.store.subscribe('pods', ({ object }) => {
      if (!object.status?.conditions?.some((c) => c.reason === 'EvictionByEvictionAPI')) return;
      for (const { metadata, spec } of world.cluster.store.list('nodes'))
        if (world.outdated().includes(metadata.name) && !spec.taints?.some((t) => t.key === taintKey))
          open.add(metadata.name);
    });
    expect(await world.clock.run(run.ended)).toBe('');
    expect([...open]).toEqual([]);
    expect(world.outdated()).toEqual([]);
  },
);

test.each([1, 2, 3, 4, 5, 6])(
  'a rollback keeps the old nodes though AWS still describes the new version, seed %i',
  async (seed) => {
    const world = await shopWorld({ seed, fault: staleAnswers, factor: 2 });
    const run = startEngine(world, { canary: 'false' });
    for (let n = 0; n < 4000 && !run.log.some((l) => l.startsWith('Wave 1: ')); n++)
      await world.clock.advance(250);
    run.stop();
    await world.clock.run(run.ended);
    const old = world.outdated();
    expect(old).toHaveLength(7);
    const undo = await runEngine(world, { phase: 'rollback', validation: '', baseline: '' });
    expect([undo.failure, undo.outputs.verdict]).toEqual(['', 'rolled-back']);
    expect(world.outdated()).toEqual(old);
    expect(world.cluster.store.list('nodes')).toHaveLength(7);
  },
);
