import { Redis } from 'ioredis';
import { masterName, pause, sentinelPort } from './servers.ts';

/** Writes numbers one after the other with a client in its default settings, and remembers which were acknowledged. */
export class NumberedWriter {
  readonly acknowledged: number[] = [];
  failed = 0;
  readonly #client: Redis;
  readonly #done: Promise<void>;
  #running = true;

  /** It finds the master by the Sentinels at these addresses. */
  constructor(ips: readonly string[]) {
    const sentinels = ips.map((host) => ({ host, port: sentinelPort }));
    this.#client = new Redis({ sentinels, name: masterName });
    this.#client.on('error', () => {});
    this.#done = this.#write();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
    this.#client.disconnect();
  }

  async #write(): Promise<void> {
    for (let n = 1; this.#running; n++) {
      try {
        await this.#client.set(`number:${n}`, n);
        this.acknowledged.push(n);
      } catch {
        this.failed++;
      }
      await pause(1);
    }
  }
}

/** How many of the acknowledged numbers cannot be read back. */
export async function lost(writer: NumberedWriter, read: (key: string) => Promise<unknown>): Promise<number> {
  let missing = 0;
  for (let i = 0; i < writer.acknowledged.length; i += 500) {
    const batch = writer.acknowledged.slice(i, i + 500);
    const values = await Promise.all(batch.map((n) => read(`number:${n}`)));
    missing += values.filter((value, at) => value !== String(batch[at])).length;
  }
  return missing;
}
