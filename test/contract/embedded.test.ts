import { afterAll, beforeAll, describe } from '@jest/globals';
import { embeddedTarget } from './embedded.ts';
import { subjects } from './suite/index.ts';
import type { Target } from './target.ts';

let target: Target;
beforeAll(async () => {
  target = await embeddedTarget();
});
afterAll(() => target.close());

describe('the embedded cluster', () => {
  for (const declare of subjects) declare(() => target);
});
