import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** One request to the API server; the path begins with `/api` or `/apis`. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
}

/** A way to a cluster: a kubeconfig, or what EKS says about the cluster and a token that is renewed. */
export interface Connection {
  config(): Promise<KubeConfig>;
}

/** Reads a kubeconfig file; without a path the usual places (KUBECONFIG, in-cluster). */
export function kubeconfigConnection(path?: string): Connection {
  const config = new KubeConfig();
  if (path) config.loadFromFile(path);
  else config.loadFromDefault();
  if (!config.getCurrentCluster())
    throw new Error(`The kubeconfig ${path ?? ''} names no current cluster; set current-context in it.`);
  return { config: async () => config };
}

/** Reaches an EKS cluster with the AWS credentials of the job. `token` is asked before each request and caches by itself. */
export function eksConnection(access: {
  name: string;
  endpoint: string;
  certificateAuthority: string;
  token: () => Promise<string>;
}): Connection {
  const config = new KubeConfig();
  let present = '';
  return {
    async config() {
      const token = await access.token();
      if (token !== present) {
        present = token;
        config.loadFromClusterAndUser(
          {
            name: access.name,
            server: access.endpoint,
            caData: access.certificateAuthority,
            skipTLSVerify: false,
          },
          { name: access.name, token },
        );
      }
      return config;
    },
  };
}

/** No answer within this time means the connection is dead; watches send bookmarks more often. */
const silenceMs = 60_000;

/** Sends one request and resolves with the response as soon as its headers are there. */
export async function send(
  connection: Connection,
  request: ApiRequest,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const config = await connection.config();
  const server = config.getCurrentCluster()?.server ?? '';
  const url = new URL(server.replace(/\/$/, '') + request.path);
  for (const [key, value] of Object.entries(request.query ?? {}))
    if (value !== undefined) url.searchParams.set(key, value);
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const options: RequestOptions = {
    method: request.method,
    timeout: silenceMs,
    headers: {
      accept: 'application/json',
      ...(body === undefined
        ? {}
        : {
            'content-type': request.contentType ?? 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
    },
    ...(signal ? { signal } : {}),
  };
  await config.applyToHTTPSOptions(options);
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(url, options, resolve);
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`The API server ${url.host} has been silent for ${silenceMs / 1000} s.`)),
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Reads a whole response body. */
export async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
