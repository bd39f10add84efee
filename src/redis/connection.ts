import type { Duplex } from 'node:stream';
import { AbstractConnector, type ChainableCommander, Redis } from 'ioredis';
import { messageOf } from '../text.ts';

/** One connection to one server, which fails rather than reconnects: whoever asked must look at the world again. */
export interface RedisConnection {
  /** @throws Error with Redis's own words (`READONLY …`, `NOGOODSLAVE …`), or when the connection broke. */
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  /** All or nothing, in one round trip. */
  transaction(commands: readonly (readonly (string | number)[])[]): Promise<void>;
  close(): void;
}

const commandTimeoutMs = 5000;
const connectTimeoutMs = 10_000;

/** Speaks Redis over a byte stream, for example a port-forward. Only a PING proves that the other end is there. */
export async function connectRedis(
  open: () => Promise<Duplex>,
  auth: { password?: string } = {},
): Promise<RedisConnection> {
  const stream = asSocket(await open());
  class StreamConnector extends AbstractConnector {
    constructor() {
      super(0);
    }
    connect() {
      this.connecting = true;
      this.stream = stream as never;
      return Promise.resolve(this.stream);
    }
  }
  const client = new Redis({
    Connector: StreamConnector as never,
    protocol: 2,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    ...(auth.password ? { password: auth.password } : {}),
  });
  let broken: Error | undefined;
  client.on('error', (error: Error) => {
    broken ??= error;
  });
  stream.on('error', (error: Error) => {
    broken ??= error;
  });
  const explained = async <T>(what: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      // Redis's own answer stays as it is; otherwise the stream knows better than the client why it ended.
      if ((error as Error).name === 'ReplyError') throw error;
      throw new Error(`${what}: ${messageOf(broken ?? error)}`);
    }
  };
  const close = () => {
    client.disconnect();
    stream.destroy();
  };
  try {
    await explained('connect', client.connect());
    await explained('PING', client.ping()).catch(refuseSilence);
  } catch (error) {
    close();
    throw error;
  }
  return {
    call: (command, ...args) =>
      explained([command, ...args].slice(0, 3).join(' '), client.call(command, ...args)),
    async transaction(commands) {
      const queued = commands.map(([name, ...args]) => [String(name).toLowerCase(), ...args]);
      const pipeline = client.multi(queued as never) as unknown as ChainableCommander;
      const results = (await explained('MULTI', pipeline.exec())) ?? [];
      for (const [error] of results) if (error) throw error;
    },
    close,
  };
}

/** The client treats its stream as a socket; these have no meaning here. */
function asSocket(stream: Duplex): Duplex {
  const same = () => stream;
  return Object.assign(stream, { setNoDelay: same, setKeepAlive: same, setTimeout: same });
}

/** A server that loads its data, or has lost its master, answers with an error, but it answers. */
function refuseSilence(error: Error): void {
  if (!/^(LOADING|MASTERDOWN)/.test(error.message)) throw error;
}
