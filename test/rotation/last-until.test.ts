import { expect, test } from '@jest/globals';
import { runEngine, shopWorld, startEngine } from './world.ts';

test('a rotation whose credentials cannot be renewed rests between two waves, says so, and goes on with new ones', async () => {
  const world = await shopWorld({ factor: 4 });
  const first = startEngine(world);
  for (let n = 0; world.outdated().length > 5 && n < 2000; n++) await world.clock.advance(500);
  // The next wave would take longer than they last.
  world.credentialsLastUntil = world.clock.now() + 5000;
  expect(await world.clock.run(first.ended)).toBe('');
  expect(first.outputs).toMatchObject({ verdict: 'incomplete', complete: 'false' });
  expect(Number(first.outputs.remaining)).toBeGreaterThan(0);
  expect(first.log.join('\n')).toMatch(
    /The AWS credentials of the job end at \d\d:\d\d:\d\d UTC and cannot be renewed: no other wave until then, \d outdated nodes? left for the next run\./,
  );
  world.credentialsLastUntil = undefined;
  const again = await runEngine(world);
  expect([again.failure, again.outputs.verdict, world.outdated(), world.changed()]).toEqual([
    '',
    'completed',
    [],
    [],
  ]);
});
