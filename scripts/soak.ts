import { spawnSync } from 'node:child_process';

/**
 * The long sweeps: every fault, both controls, three seeds, ten kills at random moments, each a rehearsal of its own; and the
 * upgrades on the real control plane, five times in a row.
 *   npm run soak [-- faults|controls|seeds|kills|upgrades]...
 */
const earliestKillMs = 500;
const random = (latestMs: number): number =>
  earliestKillMs + Math.floor(Math.random() * (latestMs - earliestKillMs));

const program = 'src/rehearsal/rehearse/main.ts';
const rehearsals: Record<string, () => string[][]> = {
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

const sweeps: Record<string, () => string[][]> = {
  ...Object.fromEntries(
    Object.entries(rehearsals).map(([name, runs]) => [name, () => runs().map((args) => [program, ...args])]),
  ),
  upgrades: () => Array.from({ length: 5 }, () => ['scripts/test-real.ts', 'upgrades']),
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
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      env: { ...process.env, E2E_REQUIRE: '1' },
    });
    const good = status === 0;
    if (good) passed++;
    else failed++;
    console.log(`${good ? 'ok  ' : 'FAIL'} ${name}: ${args.slice(1).join(' ')}`);
    const lines = `${stdout}\n${stderr}`.split('\n');
    const verdict = lines.filter((line) => /^ {2}(ok|FAIL) |^PASSED|^FAILED|^Tests:|^Time:/.test(line));
    for (const line of good ? verdict.slice(args[0] === program ? -1 : -2) : lines.slice(-200))
      console.log(`       ${line}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
