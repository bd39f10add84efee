import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { KubernetesError } from '../../cluster/ports.ts';
import { forwardPort } from '../kubelet/forward.ts';
import type { Authorize } from './authorization.ts';
import type { Registry } from './registry.ts';

interface Options {
  registry: Registry;
  portForward: (pod: { namespace: string; name: string }, port: number) => Promise<Duplex>;
  /** @throws KubernetesError for a stranger. */
  rightsOf: (authorization: string | undefined) => Authorize;
}

const path = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/portforward$/;

/** The API server's side of a port-forward: it lets clients with a right to it through to the pod's machine. */
export function servePortForward(server: Server, options: Options): void {
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) =>
      offered.has('v4.channel.k8s.io') ? 'v4.channel.k8s.io' : ([...offered][0] ?? false),
  });
  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'https://x');
    const [, namespace, name] = path.exec(url.pathname) ?? [];
    const refuse = (status: string) => void socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    try {
      const authorize = options.rightsOf(request.headers.authorization);
      // From Kubernetes 1.35 on a WebSocket to it needs both.
      for (const verb of ['get', 'create'] as const)
        authorize({ verb, target: 'pods/portforward', namespace, name });
    } catch (error) {
      return refuse((error as KubernetesError).status === 401 ? '401 Unauthorized' : '403 Forbidden');
    }
    if (!namespace || !name || !options.registry.store.get('pods', { namespace, name }))
      return refuse('404 Not Found');
    const port = Number(url.searchParams.get('ports'));
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      forwardPort(webSocket, { namespace, name }, port, options.portForward),
    );
  });
}
