import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Lane } from './record.ts';
import type { TrafficTarget } from './targets.ts';

/** How the generator reaches a service. */
export interface Requests {
  /** Sends one request and reads its answer. Resolves with the kind of failure, or undefined when it was good. */
  send(target: TrafficTarget, lane: Lane, timeout: AbortSignal): Promise<string | undefined>;
  close(): void;
}

const pool = 16;

/** Over HTTP or HTTPS, with an agent of its own for each lane. */
export function httpRequests(): Requests {
  const agents = new Agents();
  return {
    send: (target, lane, timeout) => ask(target, lane, timeout, agents),
    close: () => agents.close(),
  };
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
  timeout: AbortSignal,
  agents: Agents,
): Promise<string | undefined> {
  const secure = target.url.startsWith('https:');
  const send = secure ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve(timeout.aborted ? 'timeout' : classOf(error));
    const request = send(
      target.url,
      { method: target.method, headers: target.headers, agent: agents.for(lane, secure) },
      (response) => {
        const status = response.statusCode ?? 0;
        response.on('end', () =>
          resolve(
            status >= target.expect.from && status <= target.expect.to ? undefined : `status ${status}`,
          ),
        );
        response.on('error', failed);
        response.resume();
      },
    );
    request.on('error', failed);
    request.end(target.body || undefined);
    timeout.addEventListener(
      'abort',
      () => request.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      { once: true },
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
