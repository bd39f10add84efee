import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parsePairs } from '../../../src/rehearsal/workflow/files.ts';
import { JobLog } from '../../../src/rehearsal/workflow/log.ts';
import { refusal } from '../../../src/rehearsal/workflow/remote.ts';

const repositoryRoot = new URL('../../../', import.meta.url).pathname;

/** Runs a workflow of a small repository with the command that people use. */
function runFixture(files: Record<string, string>, ...args: string[]): { output: string; code: number } {
  const directory = mkdtempSync(join(tmpdir(), 'fixture-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  try {
    const output = execFileSync(
      process.execPath,
      [join(repositoryRoot, 'src/rehearsal/workflow/cli.ts'), 'w.yml', ...args],
      { cwd: directory, encoding: 'utf8', stdio: 'pipe' },
    );
    return { output, code: 0 };
  } catch (error) {
    const { stdout, stderr, status } = error as { stdout: string; stderr: string; status: number };
    return { output: stdout + stderr, code: status };
  }
}

const nodeAction = `
inputs: { who: { default: nobody } }
outputs: { greeting: { description: x } }
runs: { using: node24, main: main.js, post: post.js }
`;
const composite = `
inputs: { who: { required: true } }
outputs: { greeting: { value: "\${{ steps.inner.outputs.greeting }}!" } }
runs:
  using: composite
  steps:
    - { id: inner, uses: $/node, with: { who: "\${{ inputs.who }}" } }
`;
const files = {
  'node/action.yml': nodeAction,
  'node/main.js': `const fs = require('fs');
fs.appendFileSync(process.env.GITHUB_OUTPUT, 'greeting<<E\\nhello ' + process.env.INPUT_WHO + '\\nE\\n');
fs.appendFileSync(process.env.GITHUB_STATE, 'who=' + process.env.INPUT_WHO + '\\n');`,
  'node/post.js': `console.log('goodbye ' + process.env.STATE_who);`,
  'greet/action.yml': composite,
};

describe('the workflow runner', () => {
  test('runs jobs in order of their needs, nests composites, maps outputs and runs post steps last', () => {
    const { output, code } = runFixture(
      {
        ...files,
        'w.yml': `
on: { workflow_dispatch: { inputs: { who: { required: true, type: string } } } }
jobs:
  second:
    needs: first
    runs-on: ubuntu-latest
    steps: [{ run: 'echo "got: \${{ needs.first.outputs.said }}"' }]
  first:
    runs-on: ubuntu-latest
    outputs: { said: "\${{ steps.greet.outputs.greeting }}" }
    steps:
      - { id: greet, uses: ./greet, with: { who: "\${{ inputs.who }}" } }
      - { run: echo last step }
`,
      },
      '--input',
      'who=you',
    );
    expect(code).toBe(0);
    expect(output).toContain('second | got: hello you!');
    expect(output.indexOf('last step')).toBeLessThan(output.indexOf('goodbye you'));
  });

  test('skips after a failure, runs what always runs, and skips jobs that need the failed one', () => {
    const { output, code } = runFixture({
      'w.yml': `
on: workflow_dispatch
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - { run: exit 3 }
      - { run: echo not this }
      - { if: failure(), run: echo cleaning up }
  b: { needs: a, runs-on: ubuntu-latest, steps: [{ run: echo nor this }] }
  c: { needs: a, if: always(), runs-on: ubuntu-latest, steps: [{ run: echo always }] }
`,
    });
    expect(code).toBe(1);
    expect(output).toContain('a | cleaning up');
    expect(output).toContain('c | always');
    expect(output).not.toMatch(/\| (not|nor) this/);
    expect(output).toContain('b: skipped');
  });

  test('hides masked text and drops a job output that contains it', () => {
    const { output } = runFixture({
      'w.yml': `
on: workflow_dispatch
jobs:
  a:
    runs-on: ubuntu-latest
    outputs: { secret: "\${{ steps.s.outputs.v }}" }
    steps: [{ id: s, run: 'echo "::add-mask::hunter2"; echo "it is hunter2"; echo "v=hunter2" >> "$GITHUB_OUTPUT"' }]
  b: { needs: a, runs-on: ubuntu-latest, steps: [{ run: 'echo "got <\${{ needs.a.outputs.secret }}>"' }] }
`,
    });
    expect(output).toContain('it is ***');
    expect(output).toContain("Skip output 'secret' since it may contain secret.");
    expect(output).toContain('got <>');
  });

  test('refuses remote actions, unknown inputs and invalid files before anything runs', () => {
    const workflow = (step: string) => ({
      'w.yml': `on: workflow_dispatch\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [${step}]\n`,
    });
    expect(runFixture(workflow('{ run: echo ran }, { uses: someone/else@v1 }')).output).toMatch(
      /someone\/else@v1 cannot be run here/,
    );
    expect(runFixture(workflow('{ run: echo ran }'), '--input', 'x=1').output).toMatch(
      /x is not an input of the workflow/,
    );
    expect(runFixture({ 'w.yml': 'on: workflow_dispatch\njobs: { a: { steps: 3 } }' }).output).toMatch(
      /not a valid workflow/,
    );
  });
});

describe('the parts of the runner', () => {
  test('read command files as GitHub does', () => {
    expect(parsePairs('a=1\nb<<X\n2\n=3\nX\nc=d<<e\n')).toEqual({ a: '1', b: '2\n=3', c: 'd<<e' });
    expect(() => parsePairs('a<<X\n1\n')).toThrow(/Matching delimiter not found/);
  });

  test('understand commands in the log', () => {
    const lines: string[] = [];
    const log = new JobLog((line) => lines.push(line));
    log.line('::warning file=a::one%0Atwo');
    log.line('plain');
    expect(lines).toEqual(['Warning: one', 'Warning: two', 'plain']);
    expect(log.annotations).toEqual([{ level: 'warning', message: 'one\ntwo' }]);
  });

  test('know which actions of others they can stand in for', () => {
    expect(refusal('actions/checkout@v4')).toBeUndefined();
    expect(refusal('a/b@v1')).toMatch(/a\/b@v1 cannot be run here/);
  });
});
