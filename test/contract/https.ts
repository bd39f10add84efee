import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from '../../src/clock.ts';
import { kubernetesClient } from '../../src/kubernetes/client.ts';
import { type ApiRequest, type Connection, readBody, send } from '../../src/kubernetes/connection.ts';
import type { Target } from './target.ts';

/** What every Target has in common: the API behind a kubeconfig. */
export function overHttps(
  kubeconfig: string,
  signal: AbortSignal,
): Pick<Target, 'kubernetes' | 'request' | 'watch'> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const connection: Connection = { config: async () => config };
  return {
    kubernetes: kubernetesClient(connection, systemClock, signal),
    async request(method, path, options = {}) {
      const response = await send(
        connection,
        { method: method as ApiRequest['method'], path, ...options },
        signal,
      );
      const text = await readBody(response);
      return {
        status: response.statusCode ?? 0,
        headers: response.headers as Record<string, string>,
        body: text.startsWith('{') ? JSON.parse(text) : text,
      };
    },
    async *watch(path, query, watchSignal) {
      const request = { method: 'GET' as const, path, query: { ...query, watch: 'true' } };
      const ended = AbortSignal.any([signal, watchSignal]);
      let response: IncomingMessage | undefined;
      try {
        response = await send(connection, request, ended);
        for await (const line of createInterface({ input: response })) if (line) yield JSON.parse(line);
      } catch (error) {
        if (!ended.aborted) throw error;
      } finally {
        response?.destroy();
      }
    },
  };
}
