import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { messageOf } from '../../text.ts';
import type { Registry } from './registry.ts';

interface Options {
  registry: Registry;
  portForward: (pod: { namespace: string; name: string }, port: number) => Promise<Duplex>;
  allowed: (authorization: string | undefined) => boolean;
}

const path = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/portforward$/;

/**
 * Port-forward over WebSocket: channel 0 carries data, channel 1 errors; the first message on each is the port as two
 * little-endian bytes (staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). As with the real one, the
 * WebSocket opens before the pod's port was tried.
 */
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
    if (!options.allowed(request.headers.authorization)) return refuse('401 Unauthorized');
    if (!namespace || !name || !options.registry.store.get('pods', { namespace, name }))
      return refuse('404 Not Found');
    const port = Number(url.searchParams.get('ports'));
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      forward(webSocket, { namespace, name }, port, options),
    );
  });
}

function forward(
  socket: WebSocket,
  pod: { namespace: string; name: string },
  port: number,
  options: Options,
): void {
  const header = Buffer.alloc(2);
  header.writeUInt16LE(port);
  const send = (channel: number, data: Buffer) => {
    if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.from([channel]), data]));
  };
  send(0, header);
  send(1, header);
  const early: Buffer[] = [];
  let stream: Duplex | undefined;
  socket.on('message', (data: Buffer) => {
    if (data[0] !== 0) return;
    const bytes = data.subarray(1);
    if (stream) stream.write(bytes);
    else early.push(bytes);
  });
  socket.on('close', () => stream?.destroy());
  socket.on('error', () => stream?.destroy());

  const fail = (error: unknown) => {
    send(1, Buffer.from(`error forwarding port ${port} to pod ${pod.name}: ${messageOf(error)}`));
    socket.close();
  };
  options.portForward(pod, port).then((opened) => {
    stream = opened;
    opened.on('error', fail);
    opened.on('data', (chunk: Buffer) => send(0, chunk));
    opened.on('close', () => socket.close());
    for (const bytes of early) opened.write(bytes);
  }, fail);
}
