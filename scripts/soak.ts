import { spawnSync } from 'node:child_process';
import { faults } from '../src/rehearsal/faults/index.ts';

/**
 * The long sweeps: every fault, both controls, three seeds, twenty kills at random moments, each a rehearsal of its own; on the
 * real control plane the upgrades, five times in a row, and one of 40 nodes with 1,000 pods; and 300 seeds of chaos on the
 * virtual clock.
 *   npm run soak [-- faults|controls|seeds|kills|upgrades|forty|chaos]...
 *   npm run soak -- chaos [--seeds 1-300] [--seed 17]
 */
const earliestKillMs = 500;
const random = (latestMs: number): number =>
  earliestKillMs + Math.floor(Math.random() * (latestMs - earliestKillMs));

const program = 'src/rehearsal/rehearse/main.ts';
const chaos = 'test/chaos/main.ts';
const rehearsals: Record<string, () => string[][]> = {
  faults: () => faults.map(({ name }) => ['--only', 'nodes', '--fault', name]),
  controls: () => [
    ['--only', 'nodes', '--control', 'undrained-node'],
    ['--control', 'bare-failover'],
  ],
  seeds: () => ['1', '2', '3'].map((seed) => ['--seed', seed]),
  // With both kinds of Redis. Every other kill takes the runner with it, so that no later step can put anything back.
  kills: () =>
    Array.from({ length: 20 }, (_, i) => {
      const after = String(random(90_000));
      return ['--seed', String(i + 1), '--kill-after', after, '--kill', i % 2 === 0 ? 'runner' : 'engine'];
    }),
};

const sweeps: Record<string, () => string[][]> = {
  ...Object.fromEntries(
    Object.entries(rehearsals).map(([name, runs]) => [name, () => runs().map((args) => [program, ...args])]),
  ),
  chaos: () => [[chaos, '--seeds', '1-300']],
  forty: () => [[program, '--real', '--nodes', '40']],
  upgrades: () => Array.from({ length: 5 }, () => ['scripts/test-real.ts', 'upgrades']),
};

const asked = process.argv.slice(2);
if (asked[0] === 'chaos') {
  const { status } = spawnSync(process.execPath, [chaos, ...asked.slice(1)], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
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
    const verdict = lines.filter((line) =>
      /^ {2}(ok|FAIL) |^PASSED|^FAILED|^Tests:|^Time:|^chaos:/.test(line),
    );
    for (const line of good ? verdict.slice(args[0] === program ? -1 : -2) : lines.slice(-200))
      console.log(`       ${line}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
