import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

/** tsc to build/, then ncc to one minified file with the licences of everything in it. The same sources give the same bytes. */
const out = process.argv[2] ?? 'dist';
rmSync('build/engine', { recursive: true, force: true });
rmSync(out, { recursive: true, force: true });
const run = (file, ...args) => execFileSync(process.execPath, [file, ...args], { stdio: 'inherit' });
run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
run(
  'node_modules/@vercel/ncc/dist/ncc/cli.js',
  'build',
  'build/engine/main.js',
  '-o',
  out,
  '-m',
  '--license',
  'licenses.txt',
);
