import { expect, test } from '@jest/globals';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { runEngine, shopWorld, startEngine } from './world.ts';

test('credentials that run out in the middle end the rotation with what to do, and the next run finishes it', async () => {
  let expired = false;
  const fault: Fault = {
    name: 'expired-credentials',
    what: 'the credentials of the job run out',
    aws: () =>
      expired
        ? {
            status: 403,
            code: 'ExpiredToken',
            message: 'The security token included in the request is expired',
          }
        : undefined,
    explained: { byWords: [], conclusion: 'failure' },
  };
  const world = await shopWorld({ factor: 4, fault });
  const engine = startEngine(world);
  for (let n = 0; world.outdated().length === 7 && n < 2000; n++) await world.clock.advance(500);
  expired = true;
  const failure = await world.clock.run(engine.ended);
  expect(failure).toContain('ExpiredToken: The security token included in the request is expired.');
  expect(failure).toContain('Run the workflow again with new ones: it goes on where this run stopped.');
  expect(engine.outputs.verdict).toBe('failed');
  // Its run is parked, so that nobody else begins another one in between.
  expect(world.lease()?.spec.holderIdentity).toBe(engine.outputs['run-id']);
  expired = false;
  const again = await runEngine(world);
  expect([again.failure, again.outputs.verdict]).toEqual(['', 'completed']);
  expect(again.outputs['run-id']).toBe(engine.outputs['run-id']);
  expect([world.outdated(), world.changed()]).toEqual([[], []]);
});
