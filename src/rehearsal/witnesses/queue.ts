import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { QueueReport } from './report.ts';

const drainMs = 20_000;

/**
 * A queue that hands every job out once and never again: a consumer that dies with a job in hand has lost it, and that is
 * counted. `POST /take` answers a job or 204, `POST /done` takes `{id}`.
 */
export class QueueWitness {
  readonly #waiting: number[] = [];
  readonly #open = new Set<number>();
  readonly #settings: { everyMs: number; workMs: number };
  readonly #server: Server;
  #queued = 0;
  #done = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: { everyMs: number; workMs: number }) {
    this.#settings = settings;
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        const answer = this.#answer(request.url ?? '', body);
        response.writeHead(answer === undefined ? 204 : 200, { 'content-type': 'application/json' });
        response.end(answer === undefined ? undefined : JSON.stringify(answer));
      });
    });
  }

  /** Listens and resolves with the queue's address; jobs come once `begin` is called. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  begin(): void {
    this.#timer = setInterval(() => {
      const id = ++this.#queued;
      this.#waiting.push(id);
      this.#open.add(id);
    }, this.#settings.everyMs);
  }

  report(): QueueReport {
    return { queued: this.#queued, done: this.#done, lost: 0 };
  }

  /** Queues nothing more and gives the consumers time to finish what is there. */
  async stop(): Promise<QueueReport> {
    clearInterval(this.#timer);
    const until = Date.now() + drainMs;
    while (this.#open.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
    this.#server.close();
    this.#server.closeAllConnections();
    return { ...this.report(), lost: this.#open.size };
  }

  #answer(path: string, body: string): object | undefined {
    if (path === '/take') {
      const id = this.#waiting.shift();
      return id === undefined ? undefined : { id, work: this.#settings.workMs };
    }
    const { id } = JSON.parse(body || '{}') as { id?: number };
    if (id !== undefined && this.#open.delete(id)) this.#done++;
    return {};
  }
}
