import { describe, expect, test } from '@jest/globals';
import { runFixture, workflow } from './fixture.ts';

const conclusions = (jobs: Record<string, { conclusion: string }>) =>
  Object.fromEntries(Object.entries(jobs).map(([id, job]) => [id, job.conclusion]));

describe('jobs', () => {
  test('see success() and failure() of all their ancestors, and needs of those they name', async () => {
    const { jobs, lines, conclusion } = await runFixture({
      files: workflow({
        fails: 'steps: [{ run: exit 3 }]',
        skipped: "if: github.event_name == 'push'\nsteps: [{ run: echo no }]",
        afterFailure: 'needs: fails\nsteps: [{ run: echo no }]',
        afterSkip: 'needs: skipped\nsteps: [{ run: echo no }]',
        always: `needs: skipped\nif: always()\nsteps: [{ run: "echo skipped was \${{ needs.skipped.result }}" }]`,
        afterAlways: 'needs: always\nsteps: [{ run: echo no }]',
        lenient: `needs: always\nif: \${{ !failure() && !cancelled() }}\nsteps: [{ run: echo lenient }]`,
        onFailure: 'needs: afterFailure\nif: failure()\nsteps: [{ run: echo on failure }]',
        onSkip: 'needs: skipped\nif: failure()\nsteps: [{ run: echo no }]',
      }),
    });
    expect(conclusions(jobs)).toEqual({
      fails: 'failure',
      skipped: 'skipped',
      afterFailure: 'skipped',
      afterSkip: 'skipped',
      always: 'success',
      afterAlways: 'skipped',
      lenient: 'success',
      onFailure: 'success',
      onSkip: 'skipped',
    });
    expect(conclusion).toBe('failure');
    expect(lines).toContain('always | skipped was skipped');
    expect(lines.filter((line) => line.endsWith('| no'))).toEqual([]);
  });

  test('hand on outputs, and run at the same time when they do not need each other', async () => {
    // Each waits for the file of the other, so one after the other would never end.
    const meet = (own: string, other: string) =>
      `timeout-minutes: 1
outputs: { said: "\${{ steps.s.outputs.said }}", empty: "\${{ steps.s.outputs.nothing }}" }
steps:
  - { id: s, run: 'touch ${own}; until [ -e ${other} ]; do sleep 0.05; done; echo "said=${own}" >> "$GITHUB_OUTPUT"' }`;
    const { jobs, lines } = await runFixture({
      files: workflow({
        one: meet('a', 'b'),
        two: meet('b', 'a'),
        last: `needs: [one, two]\nsteps: [{ run: 'echo "\${{ needs.one.outputs.said }}\${{ needs.two.outputs.said }}"' }]`,
      }),
      times: { minuteMs: 5000 },
    });
    expect(lines).toContain('last | ab');
    expect(jobs.one?.outputs).toEqual({ said: 'a' });
  });

  test('end at their timeout as cancelled, after what runs always', async () => {
    const { jobs, lines } = await runFixture({
      files: workflow({
        slow: `timeout-minutes: 1
steps:
  - { run: exec sleep 60 }
  - { if: always(), run: echo cleaned up }`,
      }),
      times: { minuteMs: 300 },
    });
    expect(conclusions(jobs)).toEqual({ slow: 'cancelled' });
    expect(lines).toContain('slow | cleaned up');
    expect(lines).toContain('slow | Error: The job has exceeded the maximum execution time of 1 minutes.');
  });

  test('say what has no effect on this machine', async () => {
    const { lines } = await runFixture({
      files: workflow({
        a: 'environment: production\npermissions: { id-token: write }\nconcurrency: one\nsteps: [{ run: "true" }]',
      }),
    });
    expect(lines[0]).toBe(
      'a | Job a; not applied here: runs-on ubuntu-latest, environment production, permissions {"id-token":"write"}, concurrency one',
    );
  });

  test('fail alone when an expression of theirs cannot be evaluated', async () => {
    const { jobs, conclusion } = await runFixture({
      files: workflow({
        bad: `env: { A: "\${{ fromJSON('{') }}" }\nsteps: [{ run: "true" }]`,
        good: 'steps: [{ run: "true" }]',
      }),
    });
    expect(conclusions(jobs)).toEqual({ bad: 'failure', good: 'success' });
    expect(conclusion).toBe('failure');
  });
});
