import { describe, expect, test } from '@jest/globals';
import { runFixture, workflow } from './fixture.ts';

/** Prints a word when it is ready, and one for each signal. */
const stubborn = (signals: string) => `
for (const name of [${signals}]) process.on(name, () => console.log('got ' + name));
setInterval(() => {}, 1000);
console.log('ready');`;
const nodeAction = 'runs: { using: node24, main: main.js, post: post.js }\n';
const composite = `
runs:
  using: composite
  steps:
    - { run: echo inside, shell: bash }
    - { run: 'echo "second, \${{ github.action_status }}"', shell: bash }
`;

describe('a cancelled run', () => {
  test('still runs the steps, composite actions, posts and jobs whose condition holds', async () => {
    const { jobs, lines, conclusion } = await runFixture({
      cancelAt: '| ready',
      files: {
        ...workflow({
          a: `steps:
  - { uses: ./waits }
  - { run: echo not this }
  - { if: failure(), run: echo nor this }
  - { if: failure() || cancelled(), uses: ./restores }
  - { if: always(), run: echo always }`,
          b: 'needs: a\nsteps: [{ run: echo nor this }]',
          c: `needs: a\nif: always()\nsteps: [{ run: 'echo "a was \${{ needs.a.result }}"' }]`,
        }),
        'waits/action.yml': nodeAction,
        'waits/main.js': `process.on('SIGINT', () => { console.log('stopping'); process.exit(0); });\nsetInterval(() => {}, 1000);\nconsole.log('ready');`,
        'waits/post.js': `console.log('post');`,
        'restores/action.yml': composite,
      },
    });
    expect(lines.filter((line) => !/ Job |ready/.test(line))).toEqual([
      'a | stopping',
      'a | inside',
      'a | second, success',
      'a | always',
      'a | post',
      'c | a was cancelled',
    ]);
    // Whatever a step that was told to stop says itself, it is cancelled.
    expect(jobs.a?.steps.map((step) => step.conclusion)).toEqual([
      'cancelled',
      'skipped',
      'skipped',
      'success',
      'success',
      'success',
    ]);
    expect([conclusion, jobs.a?.conclusion, jobs.b?.conclusion, jobs.c?.conclusion]).toEqual([
      'cancelled',
      'cancelled',
      'skipped',
      'success',
    ]);
  });

  test('gets SIGINT, then SIGTERM, then SIGKILL, and children do not survive', async () => {
    const times = { interruptMs: 150, terminateMs: 150 };
    const { jobs, lines } = await runFixture({
      cancelAt: '| ready',
      times,
      files: {
        ...workflow({ a: 'steps: [{ uses: ./stubborn }]' }),
        'stubborn/action.yml': 'runs: { using: node24, main: main.js }\n',
        'stubborn/main.js': `require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit' });${stubborn("'SIGINT', 'SIGTERM'")}`,
      },
    });
    expect(lines.slice(1)).toEqual(['a | ready', 'a | got SIGINT', 'a | got SIGTERM']);
    expect(jobs.a?.conclusion).toBe('cancelled');
  });

  test('leaves a running step alone that runs always', async () => {
    const { jobs, lines } = await runFixture({
      cancelAt: '| ready',
      files: workflow({
        a: `steps: [{ if: always(), run: 'echo ready; sleep 0.3; echo finished' }, { run: echo no }]`,
      }),
    });
    expect(lines.slice(1)).toEqual(['a | ready', 'a | finished']);
    expect(jobs.a?.steps.map((step) => step.conclusion)).toEqual(['success', 'skipped']);
    expect(jobs.a?.conclusion).toBe('cancelled');
  });

  test('is ended when what runs always takes too long', async () => {
    const { jobs, lines } = await runFixture({
      cancelAt: '| ready',
      times: { cancelledJobMs: 300 },
      files: workflow({
        a: `steps:
  - { run: 'echo ready; exec sleep 60' }
  - { if: always(), run: 'echo cleaning; exec sleep 60' }
  - { if: always(), run: echo never }`,
      }),
    });
    expect(lines.slice(1)).toEqual([
      'a | ready',
      'a | cleaning',
      'a | Error: The job was cancelled, and what runs always took too long; it was ended.',
    ]);
    expect(jobs.a?.conclusion).toBe('cancelled');
  });
});

describe('a step', () => {
  test('that is killed from outside has failed, and its post step still runs', async () => {
    const { jobs, lines } = await runFixture({
      killAt: '| ready',
      files: {
        ...workflow({ a: 'steps: [{ uses: $/waits }, { if: failure(), run: echo restoring }]' }),
        'waits/action.yml': nodeAction,
        'waits/main.js': `setInterval(() => {}, 1000);\nconsole.log('ready');`,
        'waits/post.js': `console.log('post');`,
      },
    });
    expect(lines.slice(1)).toEqual(['a | ready', 'a | restoring', 'a | post']);
    expect(jobs.a?.steps[0]?.outcome).toBe('failure');
    expect(jobs.a?.conclusion).toBe('failure');
  });

  test('fails at its timeout, also inside a composite action, whose cleanup shares the timeout', async () => {
    const { jobs, lines } = await runFixture({
      times: { minuteMs: 300 },
      files: {
        ...workflow({
          a: `steps:
  - { name: Slow, timeout-minutes: 1, uses: ./slow }
  - { if: failure(), run: echo timed out }`,
        }),
        'slow/action.yml': `
runs:
  using: composite
  steps:
    - { run: exec sleep 60, shell: bash }
    - { run: echo not this, shell: bash }
`,
      },
    });
    expect(lines.slice(1)).toEqual(["a | Error: The action 'Slow' has timed out.", 'a | timed out']);
    expect(jobs.a?.steps.map((step) => step.outcome)).toEqual(['failure', 'success']);
  });

  test('may leave a program behind, which ends with the job', async () => {
    const { jobs, lines } = await runFixture({
      times: { openOutputMs: 100 },
      files: workflow({
        a: `steps:
  - { run: 'sleep 60 & echo $! > pid' }
  - { run: 'kill -0 $(cat pid) && echo still there' }`,
        b: `needs: a\nsteps: [{ run: 'grep -qs "State:.*[RS] " /proc/$(cat pid)/status || echo gone' }]`,
      }),
    });
    expect(lines.filter((line) => !line.includes(' Job '))).toEqual(['a | still there', 'b | gone']);
    expect(jobs.a?.conclusion).toBe('success');
  });
});
