import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const tests = new URL('../', import.meta.url).pathname;
const document = readFileSync(new URL('../../docs/rotation.md', import.meta.url), 'utf8');

/** What does not concern a rotation says why. */
const reason = 'Does not apply: ';

/** Every row names its tests as `file`: words; the words are in that file, or in one of that folder. */
const rows = document
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (Case|Id) /.test(line))
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
  test.each(rows.filter(({ shown }) => !shown.startsWith(reason)))(
    'names tests that are there: $name',
    ({ shown }) => {
      const named = [...shown.matchAll(/`([^`]+)`(?:: ([^`]+?))?(?=$|; `|; [a-z ]+`)/g)];
      expect(named.length).toBeGreaterThan(0);
      for (const [, path = '', words = ''] of named)
        for (const part of words.split('; ').filter(Boolean)) expect(textOf(path)).toContain(part);
      for (const [, path = ''] of named) expect(textOf(path).length).toBeGreaterThan(0);
    },
  );

  test.each([
    ['U', 28],
    ['C', 50],
  ])('has every entry of its list %s once, in order', (list, length) => {
    const ids = rows.map(({ name }) => name).filter((name) => new RegExp(`^${list}\\d+$`).test(name));
    expect(ids).toEqual(Array.from({ length }, (_, n) => `${list}${n + 1}`));
  });

  test('says of everything that does not apply why, in more than a word', () => {
    const reasons = rows.flatMap(({ shown }) =>
      shown.startsWith(reason) ? [shown.slice(reason.length)] : [],
    );
    expect(reasons.filter((text) => text.split(' ').length < 8)).toEqual([]);
  });
});
