import { afterAll, beforeAll, describe } from '@jest/globals';
import { embeddedTarget } from './embedded.ts';
import { subjects } from './suite/index.ts';
import type { Target } from './target.ts';
import { wrong } from './wrong.ts';

let target: Target;
beforeAll(async () => {
  const right = await embeddedTarget();
  target = wrong[process.env.CONTRACT_WRONG ?? '']?.(right) ?? right;
});
afterAll(() => target.close());

describe('the embedded cluster', () => {
  for (const declare of subjects) declare(() => target);
});
