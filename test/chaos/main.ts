import { parseArgs } from 'node:util';
import { play } from './play.ts';

/**
 * Plays seeds of chaos, each in a world of its own on a virtual clock.
 *   npm run soak -- chaos [--seeds 1-300] [--seed 17]
 */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1-300' }, seed: { type: 'string' } },
});
const range = values.seed ?? values.seeds;
const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
if (!first) {
  console.error(`--seeds: got ${range}, expected a number or two, such as 1-300`);
  process.exit(2);
}
const failed: number[] = [];
const seeds = Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, i) => Number(first) + i);
for (const seed of seeds) {
  const { problems, endings, log } = await play(seed);
  if (problems.length > 0) failed.push(seed);
  if (values.seed) console.log(log.join('\n'));
  else if (problems.length > 0)
    console.log([`FAIL ${log[0]}`, ...log.slice(1, 5), ...endings, ...problems].join('\n       '));
}
console.log(
  `chaos: ${seeds.length - failed.length} of ${seeds.length} seeds passed${failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''}`,
);
process.exitCode = failed.length > 0 ? 1 : 0;
