import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { grantedRights } from '../../src/rehearsal/control-plane/rights.ts';
import { rights } from '../../src/rehearsal/real-cluster.ts';
import { release } from './cluster.ts';
import { wholeMachine } from './whole-machine.ts';

const repository = new URL('../../', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'upgrades-'));
const used = join(directory, 'rights');
const minor = release.kubernetes.replace(/\.\d+$/, '');
// Not in beforeAll, for which concurrent tests do not wait.
const machine = await wholeMachine(1_200_000);
/** Two to four minutes are usual; one that takes longer is ended, so that it can be read how far it came. */
const longestMs = 600_000;
const testMs = longestMs + 30_000;

/** Rehearses the main job in a process of its own; resolves with what it printed, and whether it passed by its own verdict. */
function rehearse(...args: string[]): Promise<{ passed: boolean; output: string }> {
  const all = [
    ...['src/rehearsal/rehearse/main.ts', '--real', '--release', minor, '--rights', used, '--verbose'],
    ...args,
  ];
  return new Promise((resolve) => {
    const options = { cwd: repository, maxBuffer: 2 ** 28, timeout: longestMs };
    execFile(process.execPath, all, options, (error, stdout, stderr) =>
      resolve({ passed: error === null, output: stdout + stderr }),
    );
  });
}

/** The verdict says that nothing was lost and nothing left changed; on failure the output shows why. */
async function expectPassed(...args: string[]): Promise<string> {
  const { passed, output } = await rehearse(...args);
  if (!passed) throw new Error(output.slice(-20_000));
  expect(output).toMatch(/ok {3}every setting is as before/);
  expect(output).toMatch(/ok {3}web: \d+ requests, 0 failed/);
  return output;
}

describe(`an upgrade on Kubernetes ${release.kubernetes}`, () => {
  // The longest first, so that two at a time end together.
  test.concurrent(
    'moves a Sentinel set',
    async () => {
      const output = await expectPassed('--only', 'sentinel');
      expect(output).toMatch(/ok {3}redis-cache: \d+ writes acknowledged, 0 lost/);
      expect(output).toMatch(/ok {3}redis-cli .* SENTINEL CKQUORUM mymaster: content/);
    },
    testMs,
  );

  test.concurrent(
    'moves a Redis Cluster',
    async () => {
      const output = await expectPassed('--only', 'cluster');
      expect(output).toMatch(/ok {3}redis-cluster: \d+ writes acknowledged, 0 lost/);
      expect(output).toMatch(/ok {3}redis-cli --cluster check .*: content/);
    },
    testMs,
  );

  test.concurrent(
    'waits for a budget that allows evictions again',
    async () => {
      const output = await expectPassed('--only', 'nodes', '--fault', 'slow-images');
      expect(output).toMatch(/budget orders allows no eviction now/);
    },
    testMs,
  );

  test.concurrent(
    'that is cancelled puts everything back, and is finished by running it again',
    async () => {
      const output = await expectPassed('--only', 'nodes', '--cancel-after', '12000');
      expect(output).toMatch(/ok {3}the first run ended with cancelled; settings left changed: none/);
    },
    testMs,
  );

  test.concurrent(
    'that was killed is finished by running it again',
    async () => {
      await expectPassed('--only', 'nodes', '--kill-after', '12000', '--kill', 'runner');
    },
    testMs,
  );

  test.concurrent(
    'stops at a budget that never allows an eviction, and names it',
    async () => {
      await expectPassed('--only', 'nodes', '--fault', 'pdb-never-allows');
    },
    testMs,
  );

  test.concurrent(
    'of stateless workloads, one of them with a single replica',
    async () => {
      const output = await expectPassed('--only', 'nodes');
      expect(output).toMatch(/ok {3}checkout: \d+ requests, 0 failed/);
      expect(output).toMatch(/ok {3}kubectl finds nothing/);
    },
    testMs,
  );

  test.concurrent(
    'stops when new machines never become nodes',
    async () => {
      await expectPassed('--only', 'nodes', '--fault', 'never-joins');
    },
    testMs,
  );

  /** Used only where an autoscaler keeps a Deployment that would be interrupted: rotation/movers.test.ts. */
  const seldom = 'patch autoscaling/horizontalpodautoscalers';

  test('needs every right of docs/rbac.yaml, and no other', () => {
    const shown = new Set([...readFileSync(used, 'utf8').split('\n').filter(Boolean), seldom]);
    expect([...grantedRights(rights)].filter((right) => !shown.has(right))).toEqual([]);
  });

  afterAll(() => {
    machine.release();
    rmSync(directory, { recursive: true, force: true });
  });
});
