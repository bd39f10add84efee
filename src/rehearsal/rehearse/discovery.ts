import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isReady, isTerminating } from '../../cluster/pods.ts';
import type { Discovery } from '../images/index.ts';
import type { Objects } from '../kubernetes/store.ts';

/** Addresses of ready pods by label, as a headless Service would resolve. */
export function podDiscovery(store: Objects): Discovery {
  return (namespace, labels) =>
    store
      .list('pods', { namespace, labelSelector: labels })
      .filter((p) => isReady(p) && !isTerminating(p))
      .flatMap((p) => (p.status?.podIP ? [{ name: p.metadata.name, ip: p.status.podIP }] : []));
}

/** The same for other processes: `GET /<namespace>/<labels>/<port>`. */
export async function serveDiscovery(discovery: Discovery): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const [namespace = '', labels = '', port = '0'] = (request.url ?? '')
      .slice(1)
      .split('/')
      .map(decodeURIComponent);
    response.end(JSON.stringify(discovery(namespace, labels).map(({ ip }) => ({ ip, port: Number(port) }))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
