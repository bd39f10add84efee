import { describe, expect, test } from '@jest/globals';
import { patiently } from '../../src/aws/contention.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';

/** A call that is refused with these codes, one after the other, and then succeeds. */
async function refusedWith(codes: string[]): Promise<{ answer: string; asked: number; seconds: number }> {
  const clock = new VirtualClock();
  const start = clock.now();
  let asked = 0;
  const call = async () => {
    const code = codes[asked++];
    if (code) throw Object.assign(new Error('try later'), { name: code });
    return 'done';
  };
  const answer = await clock.run(
    patiently(clock, 'SetDesiredCapacity', call).catch((error: Error) => error.message),
  );
  return { answer, asked, seconds: (clock.now() - start) / 1000 };
}

describe('a change of a group', () => {
  test('is asked for again while another activity holds the group', async () => {
    expect(await refusedWith(['ScalingActivityInProgress', 'ResourceContention'])).toEqual({
      answer: 'done',
      asked: 3,
      seconds: 4,
    });
  });

  test('fails when that does not end', async () => {
    expect(await refusedWith(Array(9).fill('ScalingActivityInProgress'))).toEqual({
      answer: 'SetDesiredCapacity: ScalingActivityInProgress: try later',
      asked: 6,
      seconds: 10,
    });
  });

  test('is not asked for again when AWS refuses it for good', async () => {
    expect((await refusedWith(['ValidationError'])).asked).toBe(1);
  });
});
