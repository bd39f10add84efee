import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../clock.ts';
import { type Lane, lanes, type Outcome } from './record.ts';
import type { TrafficTarget } from './targets.ts';

export interface GeneratorOptions {
  targets: readonly TrafficTarget[];
  /** Requests per second and target, both lanes together. */
  rate: number;
  clock: Clock;
  /** Ends the traffic. */
  signal: AbortSignal;
  onOutcome: (outcome: Outcome) => void;
}

const tickMs = 10;
const pool = 16;

/**
 * Open loop: every request is sent when it is due, whether or not earlier ones were answered, and its latency counts from
 * then. Half go over fresh connections and half over kept-alive ones, because each sees outages that the other does not.
 * Resolves when the signal is aborted and the last answers are in.
 */
export async function generate(options: GeneratorOptions): Promise<void> {
  const { targets, rate, clock, signal } = options;
  const agents = new Agents();
  const started = clock.now();
  const open = new Set<Promise<void>>();
  for (let sent = 0; !signal.aborted; ) {
    const due = Math.floor(((clock.now() - started) / 1000) * rate);
    for (; sent < due; sent++) {
      const at = started + (sent / rate) * 1000;
      const lane: Lane = lanes[sent % 2] ?? 'fresh';
      for (const target of targets) {
        const one = ask(target, lane, at, agents, options).then((outcome) => {
          open.delete(one);
          options.onOutcome(outcome);
        });
        open.add(one);
      }
    }
    await clock.sleep(tickMs, signal).catch(() => {});
  }
  await Promise.all(open);
  agents.close();
}

class Agents {
  readonly #fresh = {
    http: new HttpAgent({ keepAlive: false }),
    https: new HttpsAgent({ keepAlive: false }),
  };
  readonly #kept = {
    http: new HttpAgent({ keepAlive: true, maxSockets: pool, scheduling: 'fifo' }),
    https: new HttpsAgent({ keepAlive: true, maxSockets: pool, scheduling: 'fifo' }),
  };

  for(lane: Lane, secure: boolean): HttpAgent {
    const { http, https } = lane === 'fresh' ? this.#fresh : this.#kept;
    return secure ? https : http;
  }

  close(): void {
    for (const agent of [...Object.values(this.#fresh), ...Object.values(this.#kept)]) agent.destroy();
  }
}

function ask(
  target: TrafficTarget,
  lane: Lane,
  at: number,
  agents: Agents,
  { clock }: GeneratorOptions,
): Promise<Outcome> {
  const secure = target.url.startsWith('https:');
  const send = secure ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const timeout = new AbortController();
    const end = (failure?: string) => {
      timeout.abort();
      resolve({ target: target.name, lane, at, ms: clock.now() - at, ...(failure ? { failure } : {}) });
    };
    const request = send(
      target.url,
      { method: target.method, headers: target.headers, agent: agents.for(lane, secure) },
      (response) => {
        const status = response.statusCode ?? 0;
        response.on('end', () =>
          end(status >= target.expect.from && status <= target.expect.to ? undefined : `status ${status}`),
        );
        response.on('error', (error) => end(classOf(error)));
        response.resume();
      },
    );
    request.on('error', (error) => end(classOf(error)));
    request.end(target.body || undefined);
    clock.sleep(target.timeoutMs, timeout.signal).then(
      () => request.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      () => {},
    );
  });
}

/** The kind of failure, as people know it. */
export function classOf(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return error.message === 'socket hang up' ? 'closed' : 'reset';
  if (code === 'ETIMEDOUT') return 'timeout';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'dns';
  if (/^ERR_TLS|^CERT_|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) return 'tls';
  return code || 'other';
}
