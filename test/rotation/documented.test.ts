import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const tests = new URL('../', import.meta.url).pathname;
const document = readFileSync(new URL('../../docs/rotation.md', import.meta.url), 'utf8');

/** Every row names its tests as `file`: words; the words are in that file, or in one of that folder. */
const rows = document
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Case'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, name = '', , shown = '']) => ({ name, shown }));

function textOf(path: string): string {
  const file = [`${path}.test.ts`, `${path}.ts`].map((p) => join(tests, p)).find((p) => existsSync(p));
  if (file) return readFileSync(file, 'utf8');
  const folder = join(tests, path);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new Error(`There is no test ${path}.`);
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}

describe('docs/rotation.md', () => {
  test.each(rows)('names tests that are there: $name', ({ shown }) => {
    const named = [...shown.matchAll(/`([^`]+)`(?:: ([^`]+?))?(?=$|; `|; [a-z ]+`)/g)];
    expect(named.length).toBeGreaterThan(0);
    for (const [, path = '', words = ''] of named)
      for (const part of words.split('; ').filter(Boolean)) expect(textOf(path)).toContain(part);
    for (const [, path = ''] of named) expect(textOf(path).length).toBeGreaterThan(0);
  });
});
