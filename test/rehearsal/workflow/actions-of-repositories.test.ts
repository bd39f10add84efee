import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runFixture, workflow } from './fixture.ts';

/** A repository with these files. */
function repositoryOf(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'actions-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

const says = (what: string) =>
  `runs: { using: composite, steps: [{ run: 'echo ${what}; ls', shell: bash }] }\n`;
const suite = {
  'deep/outer/action.yml': `runs: { using: composite, steps: [{ uses: $/inner }, { uses: ./inner }] }\n`,
  'inner/action.yml': says('of the suite'),
  'action.yml': says('at its root'),
};

describe('an action of a repository that is on this machine', () => {
  test('finds with $/ what its own repository has, with ./ the workspace, and works in the workspace', async () => {
    const { lines, conclusion } = await runFixture({
      actions: { 'someone/suite': repositoryOf(suite) },
      files: {
        ...workflow({ a: `steps: [{ uses: someone/suite/deep/outer@v1 }, { uses: someone/suite@v2 }]` }),
        'inner/action.yml': says('of the workspace'),
      },
    });
    expect(conclusion).toBe('success');
    const workspace = ['a | inner', 'a | w.yml'];
    expect(lines.slice(1)).toEqual(
      ['of the suite', 'of the workspace', 'at its root'].flatMap((said) => [`a | ${said}`, ...workspace]),
    );
  });

  test('must be there, as must the repository and what it nests', async () => {
    const run = (uses: string, files: Record<string, string>) =>
      runFixture({
        actions: { 'someone/suite': repositoryOf(files) },
        files: workflow({ a: `steps: [{ uses: ${uses} }]` }),
      });
    await expect(run('someone/suite/none@v1', suite)).rejects.toThrow(
      'a: someone/suite/none@v1 has no action.yml',
    );
    await expect(run('someone/other@v1', suite)).rejects.toThrow('a: someone/other@v1 cannot be run here');
    const outer = { 'deep/outer/action.yml': suite['deep/outer/action.yml'] };
    await expect(run('someone/suite/deep/outer@v1', outer)).rejects.toThrow('$/inner has no action.yml');
  });
});
