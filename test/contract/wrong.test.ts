import { execFile } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { wrong } from './wrong.ts';

const repository = new URL('../../', import.meta.url).pathname;

/** Runs the suite once more, in a process of its own. */
function failuresOf(subject: string): Promise<{ failed: number; passed: number }> {
  const args = [
    ...['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--json', '--forceExit'],
    ...['test/contract/embedded.test.ts', '--testNamePattern', namesOf[subject] ?? ''],
  ];
  const env = { ...process.env, CONTRACT_WRONG: subject };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: repository, env, maxBuffer: 2 ** 26 }, (_error, stdout) => {
      const { numFailedTests, numPassedTests } = JSON.parse(stdout);
      resolve({ failed: numFailedTests, passed: numPassedTests });
    });
  });
}

const namesOf: Record<string, string> = {
  eviction: ' eviction ',
  concurrency: ' optimistic concurrency ',
  endpoints: ' EndpointSlice',
};

describe('an embedded cluster that answers wrong makes the contract fail', () => {
  test.each(Object.keys(wrong))(
    'in %s',
    async (subject) => {
      const { failed, passed } = await failuresOf(subject);
      expect(failed).toBeGreaterThan(0);
      // Not because nothing works at all.
      expect(passed).toBeGreaterThan(0);
    },
    60_000,
  );
});
