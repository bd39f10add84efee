import { Cluster, Redis } from 'ioredis';
import type { RedisReport, RedisTarget } from './report.ts';

type Client = Redis | Cluster;
const readBatch = 500;
const answerMs = 3000;

/**
 * Writes numbers the way an application does, through a Sentinel-aware or cluster-aware client, and remembers which were
 * acknowledged. At the end it reads them all back: what was acknowledged and is not there is lost.
 */
export class RedisWitness {
  readonly #target: RedisTarget;
  readonly #report: RedisReport;
  /** Highest acknowledged number per writer; writers acknowledge in order, so the numbers below are acknowledged too. */
  readonly #acknowledged: number[];
  readonly #clients: Client[] = [];
  #running = true;
  #writers: Promise<void>[] = [];

  constructor(target: RedisTarget) {
    this.#target = target;
    this.#report = { name: target.name, acknowledged: 0, retried: 0, longestGapMs: 0, lost: 0 };
    this.#acknowledged = Array.from({ length: target.writers }, () => 0);
  }

  begin(): void {
    this.#writers = this.#acknowledged.map((_, writer) => this.#write(writer));
  }

  report(): RedisReport {
    return this.#report;
  }

  async stop(): Promise<RedisReport> {
    this.#running = false;
    await Promise.all(this.#writers);
    const reader = await this.#connect();
    for (const [writer, highest] of this.#acknowledged.entries()) {
      for (let first = 1; first <= highest; first += readBatch) {
        const numbers = Array.from({ length: Math.min(readBatch, highest - first + 1) }, (_, i) => first + i);
        const values = await Promise.all(numbers.map((n) => reader.get(keyOf(writer, n))));
        this.#report.lost += values.filter((value, i) => value !== String(numbers[i])).length;
      }
    }
    for (const client of this.#clients) client.disconnect();
    return this.#report;
  }

  async #write(writer: number): Promise<void> {
    let client = await this.#connect();
    let last = performance.now();
    let next = 1;
    while (this.#running) {
      const numbers = Array.from({ length: this.#target.batch }, (_, i) => next + i);
      const answers = await Promise.allSettled(
        numbers.map((n) => within(answerMs, client.set(keyOf(writer, n), n))),
      );
      const failed = answers.findIndex((a) => a.status === 'rejected');
      const acknowledged = failed < 0 ? numbers.length : failed;
      if (acknowledged > 0) {
        const now = performance.now();
        this.#report.longestGapMs = Math.max(this.#report.longestGapMs, Math.round(now - last));
        last = now;
        next += acknowledged;
        this.#acknowledged[writer] = next - 1;
        this.#report.acknowledged += acknowledged;
      }
      if (failed >= 0) {
        this.#report.retried++;
        client.disconnect();
        await pause(100);
        client = await this.#connect();
      }
      await pause(this.#target.pauseMs);
    }
  }

  /** Asks where Redis is each time: Sentinels and pods move too. */
  async #connect(): Promise<Client> {
    for (;;) {
      try {
        const found = (await (await fetch(this.#target.discovery)).json()) as { ip: string; port: number }[];
        const addresses = found.map(({ ip, port }) => ({ host: ip, port }));
        if (addresses.length === 0) throw new Error('no address yet');
        const client = this.#open(addresses);
        client.on('error', () => {});
        this.#clients.push(client);
        return client;
      } catch {
        await pause(200);
      }
    }
  }

  #open(addresses: { host: string; port: number }[]): Client {
    if (this.#target.kind === 'cluster') {
      return new Cluster(addresses, {
        clusterRetryStrategy: () => 100,
        slotsRefreshTimeout: 2000,
        redisOptions: { connectTimeout: 1000 },
      });
    }
    return new Redis({
      sentinels: addresses,
      name: this.#target.master ?? 'mymaster',
      sentinelRetryStrategy: () => 100,
      retryStrategy: () => 100,
      maxRetriesPerRequest: 1,
      connectTimeout: 1000,
    });
  }
}

const keyOf = (writer: number, n: number): string => `witness:${writer}:${n}`;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
