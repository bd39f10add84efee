import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const biome = resolve('node_modules/.bin/biome');
const settings = readFileSync('biome.json', 'utf8');

/** Whether the linter, with this repository's settings, refuses a file with this one import. */
function refuses(file: string, imported: string): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'lint-'));
  mkdirSync(join(directory, dirname(file)), { recursive: true });
  writeFileSync(join(directory, 'biome.json'), settings);
  writeFileSync(join(directory, file), `import { x } from '${imported}';\n\nexport const y = x;\n`);
  const { status, stdout, stderr } = spawnSync(biome, ['lint', file], { cwd: directory, encoding: 'utf8' });
  return status !== 0 && /noRestrictedImports/.test(stdout + stderr);
}

describe('the linter', () => {
  test.each([
    'src/main.ts',
    'src/rotation/x.ts',
    'src/aws/x.ts',
    'src/kubernetes/x.ts',
    'src/operations/x.ts',
    'src/github/x.ts',
  ])('refuses %s to import the rehearsal', (file) => {
    expect(refuses(file, '../rehearsal/world/clock.ts')).toBe(true);
  });

  test.each([
    '@aws-sdk/client-ec2',
    '@kubernetes/client-node',
    '@actions/core',
    '../kubernetes/client.ts',
    'node:timers/promises',
  ])('refuses the domain to import %s', (imported) => {
    expect(refuses('src/rotation/x.ts', imported)).toBe(true);
  });

  test('refuses an operation to import an SDK', () => {
    expect(refuses('src/operations/x.ts', '@aws-sdk/client-ec2')).toBe(true);
  });

  test('lets arrows point the right way', () => {
    expect(refuses('src/rotation/x.ts', '../cluster/ports.ts')).toBe(false);
    expect(refuses('src/operations/x.ts', '../rotation/plan.ts')).toBe(false);
    expect(refuses('src/aws/x.ts', '@aws-sdk/client-ec2')).toBe(false);
  });
});

describe('the product', () => {
  const files = globSync('src/**/*.ts').filter((file) => !file.startsWith('src/rehearsal/'));

  test('does not mention the rehearsal anywhere', () => {
    expect(files.filter((file) => /rehears|embedded/i.test(readFileSync(file, 'utf8')))).toEqual([]);
  });

  test('reads the environment only where a user sets it', () => {
    const reads = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/process\.env(?:\.(\w+))?/g)].map((m) =>
        `${file} ${m[1] ?? ''}`.trim(),
      ),
    );
    expect([...new Set(reads)].sort()).toEqual([
      'src/github/runtime.ts',
      'src/github/runtime.ts GITHUB_STEP_SUMMARY',
      'src/github/runtime.ts RUNNER_TEMP',
      'src/session.ts AWS_DEFAULT_REGION',
      'src/session.ts AWS_REGION',
      'src/session.ts KUBECONFIG',
    ]);
  });

  test('calls no timer in its domain', () => {
    const domain = files.filter((file) =>
      /^src\/(cluster|rotation|validation|traffic|redis|journal)\//.test(file),
    );
    expect(
      domain.filter((file) =>
        /\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now)\(/.test(
          readFileSync(file, 'utf8'),
        ),
      ),
    ).toEqual([]);
  });

  test.each([
    ['src/validation/checks', 50],
    ['src/rehearsal/faults', 50],
  ])('keeps every file of %s under %i lines and names it in the index', (folder, most) => {
    const index = readFileSync(`${folder}/index.ts`, 'utf8');
    for (const file of globSync(`${folder}/*.ts`)) {
      const name = file.slice(folder.length + 1);
      if (name === 'index.ts' || name === 'fault.ts') continue;
      expect([file, readFileSync(file, 'utf8').split('\n').length < most]).toEqual([file, true]);
      expect(index).toContain(`'./${name}'`);
    }
  });
});
