import { parseArgs } from 'node:util';
import { draw } from './draw.ts';
import { play } from './play.ts';
import { counted } from './traits.ts';

/**
 * Plays seeds of chaos, each in a world of its own on a virtual clock, and says what they had between them.
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
const verdicts = new Map<string, number>();
const seeds = Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, i) => Number(first) + i);
for (const seed of seeds) {
  const { problems, endings, log, went } = await play(seed);
  if (problems.length > 0) failed.push(seed);
  for (const what of went) verdicts.set(what, (verdicts.get(what) ?? 0) + 1);
  if (values.seed) console.log(log.join('\n'));
  else if (problems.length > 0)
    console.log([`FAIL ${log[0]}`, ...log.slice(1, 5), ...endings, ...problems].join('\n       '));
}
const inWords = (counts: Iterable<[string, number]>): string =>
  [...counts].map(([what, n]) => `${what} ${n}`).join(', ');
if (!values.seed) {
  console.log(`Seeds that drew it: ${inWords(counted(seeds.map(draw)))}`);
  console.log(`Seeds in which it happened: ${inWords([...verdicts].sort())}`);
}
console.log(
  `chaos: ${seeds.length - failed.length} of ${seeds.length} seeds passed${failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''}`,
);
process.exitCode = failed.length > 0 ? 1 : 0;
