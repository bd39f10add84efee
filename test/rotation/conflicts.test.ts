import { expect, test } from '@jest/globals';
import { conflicts } from '../../src/rehearsal/faults/conflicts.ts';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { runEngine, shopWorld } from './world.ts';

/** Every write of a node or of the journal is too late, for three seconds of every twenty. */
const storm: Fault = {
  ...conflicts,
  kubernetes: ({ method, path }, _random, sinceMs) =>
    method === 'PUT' && /\/(nodes|configmaps)\//.test(path) && sinceMs % 20_000 < 3000
      ? { status: 409, reason: 'Conflict', message: 'the object has been modified' }
      : undefined,
};

test('a storm of conflicts delays a rotation, and does not end it', async () => {
  const world = await shopWorld({ fault: storm, factor: 4 });
  const run = await runEngine(world);
  expect(run.failure).toBe('');
  expect(world.outdated()).toEqual([]);
  expect(world.changed()).toEqual([]);
});
