import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { findRedisServer } from '../../src/rehearsal/rehearse/redis-server.ts';
import { claimNetwork, type OwnNetwork } from '../../src/rehearsal/world/network.ts';

const program = findRedisServer();
if (!program)
  console.warn('redis-server is not installed: the tests of the connection to a real Redis are skipped.');
const port = 6379;
let network: OwnNetwork;
let server: ChildProcess;

const address = () => `${network.prefix}.0.1`;
const open = (): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, address(), () => resolve(socket));
    socket.once('error', reject);
  });

beforeAll(async () => {
  network = await claimNetwork(127);
  if (!program) return;
  const directory = mkdtempSync(join(tmpdir(), 'redis-'));
  server = spawn(
    program,
    [
      '--port',
      String(port),
      '--bind',
      address(),
      '--dir',
      directory,
      '--save',
      '',
      '--requirepass',
      'secret',
    ],
    { stdio: 'ignore' },
  );
  for (let up = false; !up; )
    up = await open().then(
      (s) => Boolean(s.destroy()),
      () => false,
    );
});
afterAll(() => {
  server?.kill();
  network.release();
});

(program ? describe : describe.skip)('a connection to a real Redis', () => {
  const connected = (): Promise<RedisConnection> => connectRedis(open, { password: 'secret' });

  test('gives answers, and errors in the words of Redis', async () => {
    const redis = await connected();
    expect(await redis.call('SET', 'a', 1)).toBe('OK');
    expect(await redis.call('GET', 'a')).toBe('1');
    await expect(redis.call('INCR', 'a', 'b')).rejects.toThrow(/^ERR wrong number of arguments/);
    redis.close();
  });

  test('runs a transaction in one go', async () => {
    const redis = await connected();
    await redis.transaction([
      ['SET', 'b', 1],
      ['INCRBY', 'b', 41],
      ['CLIENT', 'UNPAUSE'],
    ]);
    expect(await redis.call('GET', 'b')).toBe('42');
    await expect(
      redis.transaction([
        ['SET', 'b', 'x'],
        ['INCR', 'b'],
      ]),
    ).rejects.toThrow(/not an integer/);
    redis.close();
  });

  test('fails when the server hangs up, and does not come back by itself', async () => {
    const [redis, other] = [await connected(), await connected()];
    await other.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect(redis.call('GET', 'a')).rejects.toThrow(/^GET a: /);
    other.close();
  });

  test('is refused without the password', async () => {
    await expect(connectRedis(open)).rejects.toThrow(/NOAUTH/);
  });
});
