import { Agent, get } from 'node:http';
import type { HttpReport } from './report.ts';

const timeoutMs = 5000;
const keptFailures = 20;

/**
 * Sends requests at a fixed rate, half of them on fresh and half on kept-alive connections, and counts every one that does
 * not bring a 200. It never retries: what it calls failed, a user would have seen.
 */
export class HttpWitness {
  readonly #url: string;
  readonly #report: HttpReport;
  readonly #agents = {
    fresh: new Agent({ keepAlive: false }),
    // First in, first out: every connection is used often enough to hear that its server leaves.
    'kept-alive': new Agent({ keepAlive: true, maxSockets: 16, scheduling: 'fifo' }),
  };
  readonly #timer: NodeJS.Timeout;
  #inFlight = 0;
  #sent = 0;

  constructor(settings: { name: string; url: string; perSecond: number }) {
    this.#url = settings.url;
    this.#report = { name: settings.name, requests: 0, failed: 0, failures: [] };
    const started = performance.now();
    // Open loop: what is due by the clock is sent, whether or not earlier requests have been answered.
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - started) / 1000) * settings.perSecond);
      while (this.#sent < due) this.#send(this.#sent++ % 2 === 0 ? 'fresh' : 'kept-alive');
    }, 5);
  }

  report(): HttpReport {
    return this.#report;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const until = Date.now() + timeoutMs + 1000;
    while (this.#inFlight > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #send(lane: 'fresh' | 'kept-alive'): void {
    this.#inFlight++;
    let settled = false;
    const settle = (error?: string) => {
      if (settled) return;
      settled = true;
      this.#inFlight--;
      this.#report.requests++;
      if (!error) return;
      this.#report.failed++;
      if (this.#report.failures.length < keptFailures)
        this.#report.failures.push({ at: Date.now(), lane, error });
    };
    const request = get(this.#url, { agent: this.#agents[lane], timeout: timeoutMs }, (response) => {
      response.on('error', (error) => settle(error.message));
      response.on('aborted', () => settle('answer cut off'));
      response.on('end', () =>
        settle(response.statusCode === 200 ? undefined : `status ${response.statusCode}`),
      );
      response.resume();
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.on('error', (error) => settle((error as NodeJS.ErrnoException).code ?? error.message));
  }
}
