import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { problemsOfWorkflow } from '../../scripts/workflow-problems.ts';
import { rotateNodesContract } from '../../src/operations/rotate-nodes-contract.ts';
import { readRotateNodes } from '../../src/operations/rotate-nodes-inputs.ts';
import type { Settings } from '../../src/rehearsal/rehearse/settings-check.ts';
import { oldImage } from '../../src/rehearsal/scenario/account.ts';
import { type Fixture, type FixtureRun, runFixture } from '../rehearsal/workflow/fixture.ts';
import { onSmallCluster, type SmallCluster } from './small-cluster.ts';
import { type Command, commandsUnder, readmeOf, stepSnippets, workflowFiles } from './snippets.ts';

const readme = readmeOf('rotate-nodes');
const files = workflowFiles(readme);
const defaults = Object.fromEntries(
  Object.entries(rotateNodesContract.inputs).map(([name, { default: value = '' }]) => [name, value]),
);
const variables = { AWS_ROLE: 'arn:aws:iam::1:role/rotate', AWS_PLAN_ROLE: 'arn:aws:iam::1:role/plan' };
/** Beside other suites they were seen to take a bit more than a minute. */
const longestMs = 300_000;

interface Step {
  uses?: string;
  with?: Record<string, string>;
}

/** What stands in the expressions of a snippet when it runs. */
const handedOn: Record<string, string> = {
  '${{ steps.validate.outputs.validation }}': '{"verdict":"passed"}',
  '${{ needs.plan.outputs.plan }}': '',
  '${{ needs.plan.outputs.plan-digest }}': '',
  '${{ inputs.phase }}': 'restore',
  '${{ inputs.run-id }}': '',
};

describe('the snippets of actions/rotate-nodes/README.md', () => {
  const actionOf = (uses: string) => /^<owner>\/eks-rolling\/(actions\/[\w-]+)@v1$/.exec(uses)?.[1];
  const stepsOf = (text: string): Step[] => {
    const document = parse(text) as Step[] | { jobs: Record<string, { steps: Step[] }> };
    return Array.isArray(document) ? document : Object.values(document.jobs).flatMap((job) => job.steps);
  };

  test('are workflows and steps', () => {
    expect(Object.keys(files).sort()).toEqual(
      ['plan-nodes', 'refresh-ami', 'rotate-approved', 'rotate-nodes', 'undo-rotation'].map(
        (name) => `.github/workflows/${name}.yml`,
      ),
    );
    expect(stepSnippets(readme)).toHaveLength(3);
  });

  test.each(Object.entries(files))(
    '%s reads only outputs and gives only inputs that there are',
    (path, text) => {
      const here = text.replaceAll('<owner>/eks-rolling/actions/', './actions/').replaceAll('@v1', '');
      const actionFile = (path: string) => parse(readFileSync(`${path.slice(2)}/action.yml`, 'utf8'));
      expect(problemsOfWorkflow(path, parse(here), actionFile)).toEqual([]);
    },
  );

  test.each([...Object.values(files), ...stepSnippets(readme)].map((text) => [text]))(
    'give rotate-nodes inputs that it takes: %#',
    (text) => {
      for (const { uses = '', with: given = {} } of stepsOf(text)) {
        if (actionOf(uses) !== 'actions/rotate-nodes') continue;
        expect(Object.keys(rotateNodesContract.inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
        const values = Object.entries(given).map(([name, text]) => [name, handedOn[text] ?? String(text)]);
        expect(() => readRotateNodes({ ...defaults, ...Object.fromEntries(values) })).not.toThrow();
      }
    },
  );

  test('say what every verdict means', () => {
    const section = readme.split(/^## /m).find((text) => text.startsWith('What a verdict means')) ?? '';
    const explained = [...section.matchAll(/^\| `([a-z-]+)` \| \S.* \| \S.* \|$/gm)].map((m) => m[1]);
    const verdicts = rotateNodesContract.outputs.verdict
      ?.replaceAll(/ \([^)]*\)/g, '')
      .match(/[a-z]+(?:-[a-z]+)*(?=,| or |\.$)/g);
    expect(explained.sort()).toEqual(verdicts?.sort());
  });
});

/** The workflow that a command starts, with the files of the README and nothing else. */
function start(cluster: SmallCluster, command: Command | undefined, more: Partial<Fixture> = {}) {
  if (command?.does !== 'run') throw new Error('Expected a command that starts a workflow.');
  const { file, inputs } = command;
  const actions = { '<owner>/eks-rolling': resolve('.') };
  return runFixture({ files, file, inputs, actions, variables, env: cluster.environment, ...more });
}

const firstUnder = (heading: string) => commandsUnder(readme, heading)[0];

function outputsOf(run: FixtureRun, job: string, step: string): Record<string, string> {
  const outputs = run.jobs[job]?.steps.find(({ id }) => id === step)?.outputs;
  if (!outputs) throw new Error(`${job} has no step ${step}:\n${run.lines.join('\n')}`);
  return outputs;
}

/** Everything is as it was, each node runs this image, and nobody holds the cluster. */
function expectDone(cluster: SmallCluster, before: Settings, image: string): void {
  expect(cluster.changedSince(before)).toEqual([]);
  expect(cluster.images()).toEqual([image, image]);
  expect(cluster.lease()).toBeUndefined();
}

/** Rotates to an image, and cancels the run with the README's command once the first node is new. Returns the run id. */
async function pauseHalfway(cluster: SmallCluster, old: string, image: string): Promise<string> {
  cluster.release(image);
  const before = cluster.settings();
  const pause = firstUnder('Pause');
  expect(pause).toMatchObject({ does: 'cancel' });
  const begin = { does: 'run' as const, file: pause?.file ?? '', inputs: {} };
  const run = await start(cluster, begin, { cancelAt: '0 outdated nodes after it.' });
  expect(run.conclusion).toBe('cancelled');
  const { 'run-id': runId = '', ...outputs } = outputsOf(run, 'rotate', 'rotate');
  expect(outputs).toMatchObject({ verdict: 'stopped', replaced: '1' });
  expect(cluster.lease()?.spec.holderIdentity).toBe(runId);
  expect(cluster.journal(runId)).toBeDefined();
  expect(cluster.taints()).toContain(runId);
  expect(cluster.changedSince(before).join()).toContain('cluster-autoscaler');
  expect(cluster.images()).toEqual(expect.arrayContaining([old, image]));
  return runId;
}

/** They wait more than they work, so both at a time; each on a cluster of its own. */
describe('with the commands of actions/rotate-nodes/README.md, in an empty directory, a cluster', () => {
  test.concurrent(
    'is planned, rotated after an approval, paused and rolled back, and refreshed on a schedule',
    onSmallCluster(async (cluster) => {
      cluster.release('ami-1');
      const before = cluster.settings();

      const planned = await start(cluster, firstUnder('Plan'));
      expect(outputsOf(planned, 'plan', 'plan')).toMatchObject({ verdict: 'planned' });
      expect(planned.jobs.plan?.summary).toContain('shop-general');
      expectDone(cluster, before, oldImage);

      const applied = await start(cluster, firstUnder('Plan, approve, apply'));
      expect(applied.conclusion).toBe('success');
      expect(outputsOf(applied, 'rotate', 'rotate')).toMatchObject({
        verdict: 'completed',
        complete: 'true',
        replaced: '2',
        remaining: '0',
        'plan-digest': outputsOf(planned, 'plan', 'plan')['plan-digest'],
        'not-restored': '[]',
      });
      expectDone(cluster, before, 'ami-1');

      const paused = await pauseHalfway(cluster, 'ami-1', 'ami-2');
      const back = await start(cluster, firstUnder('Roll back'));
      expect(outputsOf(back, 'undo', 'undo')).toMatchObject({ verdict: 'rolled-back', 'run-id': paused });
      expect(cluster.images()).toEqual(['ami-1', 'ami-1']);
      expect(cluster.lease()).toBeUndefined();

      cluster.publish('ami-3');
      const schedule = { does: 'run' as const, file: '.github/workflows/refresh-ami.yml', inputs: {} };
      const refreshed = await start(cluster, schedule, { event: 'schedule' });
      expect(outputsOf(refreshed, 'refresh', 'rotate')).toMatchObject({
        verdict: 'completed',
        replaced: '2',
      });
      expect(cluster.images()).toEqual(['ami-3', 'ami-3']);
      expect(cluster.lease()).toBeUndefined();
    }),
    longestMs,
  );

  test.concurrent(
    'is paused and resumed, paused and restored, and rolled back',
    onSmallCluster(async (cluster) => {
      const before = cluster.settings();
      const first = await pauseHalfway(cluster, oldImage, 'ami-1');
      const resumed = await start(cluster, firstUnder('Resume'));
      expect(outputsOf(resumed, 'rotate', 'rotate')).toMatchObject({
        verdict: 'completed',
        complete: 'true',
        'run-id': first,
      });
      expectDone(cluster, before, 'ami-1');

      const asReleased = cluster.settings();
      const second = await pauseHalfway(cluster, 'ami-1', 'ami-2');
      const restored = await start(cluster, firstUnder('Restore'));
      expect(outputsOf(restored, 'undo', 'undo')).toMatchObject({ verdict: 'restored', 'run-id': second });
      expect(cluster.changedSince(asReleased)).toEqual([]);
      expect(cluster.lease()).toBeUndefined();
      expect(cluster.images().sort()).toEqual(['ami-1', 'ami-2']);
      const again = await start(cluster, firstUnder('Restore'));
      expect(outputsOf(again, 'undo', 'undo')).toMatchObject({ verdict: 'nothing-to-do' });

      const command = commandsUnder(readme, 'Roll back')[1];
      expect(command).toMatchObject({ does: 'run', inputs: { phase: 'rollback', 'run-id': '<run-id>' } });
      const inputs = { phase: 'rollback', 'run-id': second };
      const back = await start(cluster, command, { inputs });
      expect(outputsOf(back, 'undo', 'undo')).toMatchObject({ verdict: 'rolled-back', 'run-id': second });
      expect(cluster.images()).toEqual(['ami-1', 'ami-1']);
      expect(cluster.lease()).toBeUndefined();
    }),
    longestMs,
  );
});
