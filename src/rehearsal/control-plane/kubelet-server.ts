import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { messageOf } from '../../text.ts';
import type { Command } from '../images/image.ts';
import { forwardPort } from '../kubelet/forward.ts';
import type { RunningMachineRoom } from '../kubelet/machine-room.ts';
import { type Certificate, makeCertificate } from './credentials.ts';

export interface KubeletServerOptions {
  machines: () => RunningMachineRoom;
  /** Only who shows this certificate is served: the API server. */
  client: Certificate;
  /** The file that a pod's output goes to; undefined for a weightless one. */
  logOf: (pod: { namespace: string; name: string }) => string | undefined;
  /** What to run so that the command finds itself in the pod. */
  commandIn: (pod: { namespace: string; name: string }, command: Command) => Command;
}

/**
 * What the API server asks of kubelets, for all machines on one port: logs, exec and port-forward, the latter two over
 * WebSocket (https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/#ExtendWebSocketsToKubelet).
 */
export async function startKubeletServer(
  options: KubeletServerOptions,
): Promise<{ port: number; close(): void }> {
  const { key, cert } = await makeCertificate('kubelet', []);
  const tls = { key, cert, ca: options.client.cert, requestCert: true, rejectUnauthorized: true };
  const server = createServer(tls, (request, response) => {
    logs(options, request, response).catch((error) => response.writeHead(500).end(messageOf(error)));
  });
  const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => protocols.find((p) => offered.has(p)) ?? false,
  });
  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'https://x');
    const [, what, namespace = '', name = ''] =
      /^\/(portForward|exec)\/([^/]+)\/([^/]+)/.exec(url.pathname) ?? [];
    if (!what || request.headers.upgrade?.toLowerCase() !== 'websocket')
      return void socket.end(
        'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis kubelet speaks WebSocket only.',
      );
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (what === 'exec') {
        const [file = '', ...args] = url.searchParams.getAll('command');
        const command = options.commandIn({ namespace, name }, { file, args });
        return execute(webSocket, command, url.searchParams.get('input') === '1');
      }
      const port = Number(url.searchParams.get('port') ?? url.searchParams.get('ports'));
      forwardPort(webSocket, { namespace, name }, port, (pod, at) => options.machines().portForward(pod, at));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function logs(
  { logOf }: KubeletServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://x');
  const [, namespace = '', name = ''] = /^\/containerLogs\/([^/]+)\/([^/]+)\/[^/]+$/.exec(url.pathname) ?? [];
  if (!name) return void response.writeHead(404).end();
  if (url.searchParams.get('follow') === 'true')
    return void response.writeHead(400).end('This kubelet does not follow logs.');
  const file = logOf({ namespace, name });
  const text = file ? await readFile(file, 'utf8').catch(() => '') : '';
  const tail = url.searchParams.get('tailLines');
  const lines = text.split(/(?<=\n)/);
  response.end(tail === null ? text : lines.slice(-Number(tail) || lines.length).join(''));
}

/** Channels 0 to 3 are stdin, stdout, stderr and the exit status; v5 closes stdin with 255 and its number. */
function execute(socket: WebSocket, { file, args }: Command, input: boolean): void {
  const send = (channel: number, data: Buffer | string) => {
    if (socket.readyState === socket.OPEN)
      socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(data)]));
  };
  const end = (status: object) => {
    send(3, JSON.stringify({ metadata: {}, ...status }));
    socket.close(1000);
  };
  const child = spawn(file, args, { stdio: 'pipe' });
  child.stdout.on('data', (chunk) => send(1, chunk));
  child.stderr.on('data', (chunk) => send(2, chunk));
  child.stdin.on('error', () => {});
  child.on('error', (error) => end({ status: 'Failure', reason: 'InternalError', message: error.message }));
  child.on('close', (code) => {
    const causes = [{ reason: 'ExitCode', message: String(code) }];
    end(
      code === 0
        ? { status: 'Success' }
        : { status: 'Failure', reason: 'NonZeroExitCode', details: { causes } },
    );
  });
  socket.on('message', (data: Buffer) => {
    if (data[0] === 0) child.stdin.write(data.subarray(1));
    else if (data[0] === 255 && data[1] === 0) child.stdin.end();
  });
  socket.on('close', () => child.kill('SIGKILL'));
  if (!input) child.stdin.end();
}
