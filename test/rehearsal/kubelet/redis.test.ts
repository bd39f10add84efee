import { describe, expect, test } from '@jest/globals';
import { findRedisServer } from '../../../src/rehearsal/rehearse/redis-server.ts';
import { inAnotherProcess } from './in-another-process.ts';

const program = findRedisServer();
if (!program) console.warn('redis-server is not installed: the tests of real Redis pods are skipped.');

(program ? describe : describe.skip)('real Redis pods', () => {
  test('form a Sentinel set that elects and a cluster of 3+3, and come back in sync on new addresses', async () => {
    expect(await inAnotherProcess('./redis-program.ts')).toEqual({
      set: { copied: 'value', maxmemory: ['maxmemory', '67108864'], kept: true, survived: 'value' },
      cluster: { masters: 3, replicas: 3, moved: true, sameNode: true },
    });
  }, 150_000);
});
