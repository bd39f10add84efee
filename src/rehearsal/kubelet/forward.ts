import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { messageOf } from '../../text.ts';

/**
 * Port-forward over WebSocket: channel 0 carries data, channel 1 errors; the first message on each is the port as two
 * little-endian bytes (staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). As with the real one, the
 * WebSocket opens before the pod's port was tried.
 */
export function forwardPort(
  socket: WebSocket,
  pod: { namespace: string; name: string },
  port: number,
  open: (pod: { namespace: string; name: string }, port: number) => Promise<Duplex>,
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
  open(pod, port).then((opened) => {
    stream = opened;
    opened.on('error', fail);
    opened.on('data', (chunk: Buffer) => send(0, chunk));
    opened.on('close', () => socket.close());
    for (const bytes of early) opened.write(bytes);
  }, fail);
}
