import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.ts';
import { findRedisServer } from '../../src/rehearsal/rehearse/redis-server.ts';
import { claimNetwork } from '../../src/rehearsal/world/network.ts';

export const redisProgram = findRedisServer();
export const dataPort = 6379;
export const sentinelPort = 26379;
export const masterName = 'mymaster';

/** Every server has an address of its own, as pods have. */
const { prefix: network } = await claimNetwork(127);
let addresses = 0;
export const newAddress = (): string =>
  `${network}.${Math.floor(addresses / 250)}.${1 + (addresses++ % 250)}`;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function eventually(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = 15_000,
): Promise<void> {
  for (const end = Date.now() + limitMs; ; await pause(25)) {
    if (await Promise.resolve(holds()).catch(() => false)) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
  }
}

export const dial = (ip: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, ip, () => resolve(socket));
    socket.once('error', reject);
  });

const root = mkdtempSync(join(tmpdir(), 'redis-servers-'));
const running = new Set<ChildProcess>();

const newDirectory = (name: string): string => mkdtempSync(join(root, `${name}-`));

export class Server {
  readonly ip: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #connection: Promise<RedisConnection> | undefined;

  constructor(ip: string, port: number, args: readonly string[]) {
    this.ip = ip;
    this.port = port;
    this.#child = spawn(redisProgram ?? '', [...args], { stdio: 'ignore' });
    running.add(this.#child);
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.#ended.then(() => running.delete(this.#child));
  }

  /** Asks as a person with redis-cli would; opens the connection again when it broke. */
  async ask(command: string, ...args: (string | number)[]): Promise<unknown> {
    for (let n = 1; ; n++) {
      const opening = this.#connection ?? connectRedis(() => dial(this.ip, this.port));
      this.#connection = opening;
      try {
        return await (await opening).call(command, ...args);
      } catch (error) {
        if ((error as Error).name === 'ReplyError' || n === 2) throw error;
        if (this.#connection === opening) this.#connection = undefined;
      }
    }
  }

  async info(field: string): Promise<string> {
    const text = String(await this.ask('INFO', 'everything'));
    return new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(text)?.[1] ?? '';
  }

  up(): Promise<void> {
    return eventually(`redis-server at ${this.ip}`, async () => Boolean(await this.ask('PING')));
  }

  async stop(): Promise<void> {
    await this.#connection?.then(
      (c) => c.close(),
      () => {},
    );
    this.#connection = undefined;
    this.#child.kill('SIGTERM');
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(patience);
  }
}

const common = (ip: string, directory: string): string[] => [
  ...['--port', String(dataPort), '--bind', ip, '--dir', directory, '--protected-mode', 'no'],
  ...['--save', '', '--repl-diskless-sync-delay', '0', '--daemonize', 'no'],
];

export function startData(ip: string, follow?: string): Server {
  const replica = follow ? ['--replicaof', `${follow} ${dataPort}`] : [];
  return new Server(ip, dataPort, [...common(ip, newDirectory(ip)), '--replica-announce-ip', ip, ...replica]);
}

/** Sentinels look at their servers every second here, every ten in production. */
export async function startSentinel(ip: string, master: string): Promise<Server> {
  const directory = newDirectory(ip);
  const file = join(directory, 'sentinel.conf');
  const lines = [
    ...[`port ${sentinelPort}`, `bind ${ip}`, `dir ${directory}`, 'protected-mode no'],
    `sentinel announce-ip ${ip}`,
    `sentinel monitor ${masterName} ${master} ${dataPort} 2`,
    `sentinel down-after-milliseconds ${masterName} 10000`,
    `sentinel failover-timeout ${masterName} 10000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const server = new Server(ip, sentinelPort, [file, '--sentinel']);
  await server.up();
  await server.ask('SENTINEL', 'DEBUG', 'INFO-PERIOD', '1000', 'PUBLISH-PERIOD', '500');
  return server;
}

/** Ends whatever still runs, by its own process id, and removes its files. */
export async function stopServers(): Promise<void> {
  for (const child of running) child.kill('SIGKILL');
  await eventually('the end of all servers', () => running.size === 0);
  rmSync(root, { recursive: true, force: true });
}
