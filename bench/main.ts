import { benchRotation } from './rotation/main.ts';

/** npm run bench -- <what> [options]; each bench prints its numbers and holds them to their bounds. */
const benches: Record<string, (args: string[]) => Promise<number>> = { rotation: benchRotation };

const [what = '', ...args] = process.argv.slice(2);
const bench = benches[what];
if (!bench) {
  console.error(`bench: got ${JSON.stringify(what)}, expected ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
process.exit(await bench(args));
