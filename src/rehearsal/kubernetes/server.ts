import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { generate } from 'selfsigned';
import { stringify } from 'yaml';
import { KubernetesError } from '../../cluster/ports.ts';
import type { Authorize } from './authorization.ts';
import { handle } from './handle.ts';
import { servePortForward } from './port-forward.ts';
import type { Registry } from './registry.ts';
import { sendError } from './status.ts';

export interface Interception {
  status: number;
  reason: string;
  message: string;
  retryAfterSeconds?: number;
}

export interface ApiServerOptions {
  registry: Registry;
  portForward: (pod: { namespace: string; name: string }, port: number) => Promise<Duplex>;
  /** An answer in place of the real one, before anything happens. */
  intercept?: (request: {
    method: string;
    path: string;
    watch: boolean;
  }) => Interception | 'no connection' | undefined;
  /** How long a watch lasts before its connection breaks. */
  watchMs?: () => number;
  /** The user a bearer token belongs to; undefined refuses it. The server's own admin token always works. */
  authenticate?: (token: string) => string | undefined;
  /** Refuses what such a user has no right to; without it everything is allowed. */
  authorize?: Authorize;
}

export interface ApiServer {
  url: string;
  /** PEM. */
  caCertificate: string;
  /** A kubeconfig with an administrator's token. */
  kubeconfig(cluster: string): string;
  close(): Promise<void>;
}

/** Serves the registry as a Kubernetes API over HTTPS on a free loopback port. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const token = randomBytes(24).toString('hex');
  const authority = await generate([{ name: 'commonName', value: 'kube-apiserver' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 7, ip: '127.0.0.1' },
          { type: 2, value: 'localhost' },
        ],
      },
    ],
  });
  /** @throws KubernetesError 401 for a stranger. The administrator may do everything, others what is authorized. */
  const rightsOf = (header: string | undefined): Authorize => {
    const given = /^Bearer (.+)$/.exec(header ?? '')?.[1];
    if (given === token) return () => {};
    if (given === undefined || options.authenticate?.(given) === undefined)
      throw new KubernetesError(401, 'Unauthorized', 'Unauthorized');
    return options.authorize ?? (() => {});
  };

  const server = createServer({ key: authority.private, cert: authority.cert }, (request, response) => {
    const answer = async () => {
      const authorize = rightsOf(request.headers.authorization);
      const { pathname: path, searchParams } = new URL(request.url ?? '/', 'https://x');
      const watch = searchParams.has('watch');
      const intercepted = options.intercept?.({ method: request.method ?? 'GET', path, watch });
      if (intercepted === 'no connection') return void request.socket.destroy();
      if (intercepted) {
        throw new KubernetesError(
          intercepted.status,
          intercepted.reason,
          intercepted.message,
          [],
          intercepted.retryAfterSeconds,
        );
      }
      if (watch) breakAfter(options.watchMs?.() ?? Number.POSITIVE_INFINITY, request.socket);
      await handle(options.registry, request, response, authorize);
    };
    answer().catch((error) => sendError(response, error));
  });
  servePortForward(server, { ...options, rightsOf });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    caCertificate: authority.cert,
    kubeconfig: (cluster) => kubeconfig(cluster, url, authority.cert, token),
    close: () => close(server),
  };
}

function breakAfter(ms: number, socket: Socket): void {
  if (!Number.isFinite(ms)) return;
  const timer = setTimeout(() => socket.destroy(), ms);
  socket.once('close', () => clearTimeout(timer));
}

function kubeconfig(name: string, server: string, certificate: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: { server, 'certificate-authority-data': Buffer.from(certificate).toString('base64') },
      },
    ],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name, context: { cluster: name, user: 'admin' } }],
    'current-context': name,
  });
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
