import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { claimNetwork, type OwnNetwork } from '../../../src/rehearsal/world/network.ts';

const run = promisify(execFile);
const module = new URL('../../../src/rehearsal/world/network.ts', import.meta.url).href;
const claimed: OwnNetwork[] = [];

async function claim(): Promise<string> {
  const network = await claimNetwork(127);
  claimed.push(network);
  return network.prefix;
}

afterEach(() => {
  for (const network of claimed.splice(0)) network.release();
});

test('clusters that start at the same time get a network each', async () => {
  const prefixes = await Promise.all(Array.from({ length: 10 }, claim));
  expect(new Set(prefixes).size).toBe(10);
  for (const prefix of prefixes) expect(prefix).toMatch(/^127\.\d+$/);
});

test('another process cannot have the network of this one', async () => {
  const mine = await claim();
  const program = `
    const { claimNetwork } = await import('${module}');
    console.log((await claimNetwork(127, ${process.pid})).prefix);
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  expect(stdout).toMatch(/^127\.\d+\n$/);
  expect(stdout.trim()).not.toBe(mine);
});
