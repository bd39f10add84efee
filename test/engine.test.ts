import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parsePairs } from '../src/rehearsal/workflow/files.ts';

let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((_, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** The engine as the runner starts it, from its sources. */
function start(inputs: Record<string, string>, state: Record<string, string> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'engine-'));
  const files = Object.fromEntries(
    ['OUTPUT', 'STATE', 'STEP_SUMMARY'].map((kind) => [`GITHUB_${kind}`, join(directory, kind)]),
  );
  for (const file of Object.values(files)) writeFileSync(file, '');
  const named = (prefix: string, values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([k, v]) => [prefix + k, v]));
  const env = {
    PATH: process.env.PATH,
    ...files,
    ...named('INPUT_', Object.fromEntries(Object.entries(inputs).map(([k, v]) => [k.toUpperCase(), v]))),
    ...named('STATE_', state),
  };
  const child: ChildProcess = spawn(process.execPath, ['src/main.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout?.on('data', (chunk) => (log += chunk));
  child.stderr?.on('data', (chunk) => (log += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const read = (kind: string) => readFileSync(join(directory, kind), 'utf8');
  return {
    child,
    ended,
    log: () => log,
    outputs: () => parsePairs(read('OUTPUT')),
    state: () => parsePairs(read('STATE')),
    summary: () => read('STEP_SUMMARY'),
  };
}

describe('the engine', () => {
  test('names the operations when it is given an unknown one', async () => {
    const engine = start({ operation: 'rotate' });
    expect(await engine.ended).toBe(1);
    expect(engine.log()).toContain(
      'operation: got "rotate", expected one of validate-cluster, load-baseline, rotate-nodes, migrate-redis',
    );
  });

  test('lists every wrong input at once', async () => {
    const engine = start({ operation: 'rotate-nodes', 'max-surge': 'x' });
    expect(await engine.ended).toBe(1);
    for (const name of ['cluster', 'validation', 'baseline', 'max-surge'])
      expect(engine.log()).toContain(`- ${name}: got`);
    expect(engine.state()).toMatchObject({ operation: 'rotate-nodes', ended: 'failed' });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'stops within five seconds of %s, with outputs and state in order',
    async (signal) => {
      const engine = start({
        operation: 'load-baseline',
        cluster: 'shop',
        targets: `[{name: web, url: "${url}"}]`,
        duration: '10m',
      });
      while (!engine.log().includes('Recording web')) await new Promise((resolve) => setTimeout(resolve, 20));
      const at = Date.now();
      engine.child.kill(signal);
      expect(await engine.ended).not.toBe(0);
      expect(Date.now() - at).toBeLessThan(5000);
      expect(engine.log()).toContain(`Got ${signal}: nothing new is started`);
      expect(engine.log()).toContain(`Stopped by ${signal}. Run the workflow again`);
      expect(engine.state()).toMatchObject({ operation: 'load-baseline', ended: 'stopped' });
      expect(engine.outputs()).not.toHaveProperty('baseline');
    },
  );

  test('tells in its post step what a killed run has left, from saved state alone', async () => {
    const engine = start({}, { operation: 'rotate-nodes', 'run-id': '20260105-090000' });
    expect(await engine.ended).toBe(0);
    expect(engine.summary()).toContain('rotate-nodes was killed during run 20260105-090000');
    expect(engine.summary()).toContain('kube-system/eks-rolling-20260105-090000');
  });

  test('has nothing to tell in its post step when main ended by itself', async () => {
    const engine = start({}, { operation: 'rotate-nodes', 'run-id': 'r', ended: 'completed' });
    expect(await engine.ended).toBe(0);
    expect(engine.summary()).toBe('');
  });
});
