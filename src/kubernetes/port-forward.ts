import { Duplex, PassThrough, Writable } from 'node:stream';
import { PortForward } from '@kubernetes/client-node';
import { messageOf } from '../text.ts';
import type { Connection } from './connection.ts';

/**
 * A byte stream to a port of a pod, through the API server. The WebSocket opens before the kubelet has reached the port;
 * a refusal arrives later, on the error channel, and destroys the stream.
 */
export async function openPort(
  connection: Connection,
  pod: { namespace: string; name: string },
  port: number,
): Promise<Duplex> {
  const where = `port ${port} of pod ${pod.namespace}/${pod.name}`;
  const incoming = new PassThrough();
  const outgoing = new PassThrough();
  const stream = Duplex.from({ readable: incoming, writable: outgoing });
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (chunk.length > 0)
        stream.destroy(new Error(`Cannot reach ${where}: ${chunk.toString('utf8').trim()}`));
      done();
    },
  });
  try {
    const opened = await new PortForward(await connection.config()).portForward(
      pod.namespace,
      pod.name,
      [port],
      incoming,
      errors,
      outgoing,
    );
    const socket = typeof opened === 'function' ? opened() : opened;
    if (!socket) throw new Error('the API server closed the connection');
    socket.on('close', () => incoming.end());
    socket.on('error', (error: Error) => stream.destroy(new Error(`Lost ${where}: ${messageOf(error)}`)));
    stream.on('close', () => socket.close());
  } catch (error) {
    stream.destroy();
    throw new Error(`Cannot reach ${where}: ${messageOf(error)}`);
  }
  return stream;
}
