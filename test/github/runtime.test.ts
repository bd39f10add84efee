import { expect, jest, test } from '@jest/globals';
import { githubRuntime } from '../../src/github/runtime.ts';

test('folds lines under a title until the next one, since groups do not nest', () => {
  const printed: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.push(String(text).trim());
    return true;
  });
  const github = githubRuntime();
  github.fold();
  github.fold('Wave 1 of 2');
  github.fold('Wave 2 of 2');
  github.fold();
  github.fold();
  write.mockRestore();
  expect(printed).toEqual(['::group::Wave 1 of 2', '::endgroup::', '::group::Wave 2 of 2', '::endgroup::']);
});
