import { describe, expect, test } from '@jest/globals';
import { inAnotherProcess } from './in-another-process.ts';

describe('a web pod behind the balancer', () => {
  test('leaves without a failed request, is missed when its machine loses power, and never outlives a killed rehearsal', async () => {
    expect(await inAnotherProcess('./web-program.ts')).toEqual({
      leaving: { sent: true, failures: [] },
      dark: { before: 0, failed: true },
      forwarded: 'Error: pod shop/web-1 is not running',
      abandoned: { livedBefore: true, lives: false },
    });
  }, 30_000);
});
