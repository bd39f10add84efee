import { spawnSync } from 'node:child_process';

/**
 * The long sweeps: every fault, both controls, three seeds, and ten kills at random moments. Each is a rehearsal of its own.
 *   npm run soak [-- faults|controls|seeds|kills]...
 */
const earliestKillMs = 500;
const random = (latestMs: number): number =>
  earliestKillMs + Math.floor(Math.random() * (latestMs - earliestKillMs));

const sweeps: Record<string, () => string[][]> = {
  faults: () =>
    [
      'never-joins',
      'no-capacity',
      'api-errors',
      'throttling',
      'pdb-never-allows',
      'slow-images',
      'full-zone',
    ].map((fault) => ['--only', 'nodes', '--fault', fault]),
  controls: () => [
    ['--only', 'nodes', '--control', 'undrained-node'],
    ['--control', 'bare-failover'],
  ],
  seeds: () => ['1', '2', '3'].map((seed) => ['--seed', seed]),
  // Every other kill takes the runner with it, so that no later step can put anything back; half of them have Redis to move.
  kills: () =>
    Array.from({ length: 10 }, (_, i) => {
      const withRedis = i % 4 < 2;
      const after = String(random(withRedis ? 90_000 : 40_000));
      return [
        ...(withRedis ? [] : ['--only', 'nodes']),
        '--seed',
        String(i + 1),
        '--kill-after',
        after,
        '--kill',
        i % 2 === 0 ? 'runner' : 'engine',
      ];
    }),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in sweeps));
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: expected ${Object.keys(sweeps).join(', ')}`);
  process.exit(2);
}
let failed = 0;
let passed = 0;
for (const name of asked.length > 0 ? asked : Object.keys(sweeps)) {
  for (const args of sweeps[name]?.() ?? []) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['src/rehearsal/rehearse/main.ts', ...args],
      { encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    const good = status === 0;
    if (good) passed++;
    else failed++;
    console.log(`${good ? 'ok  ' : 'FAIL'} ${name}: ${args.join(' ')}`);
    const verdict = stdout.split('\n').filter((line) => /^ {2}(ok|FAIL) |^PASSED|^FAILED/.test(line));
    for (const line of good ? verdict.slice(-1) : [...stdout.split('\n').slice(-60), stderr])
      console.log(`       ${line}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
