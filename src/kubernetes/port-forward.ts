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
  const toPod = new PassThrough();
  let close = () => {};
  const stream = new Duplex({
    // When the pod hangs up, the stream is over in both directions.
    allowHalfOpen: false,
    read() {},
    write: (chunk, encoding, done) => void toPod.write(chunk, encoding, done),
    final: (done) => void toPod.end(done),
    destroy(error, done) {
      close();
      done(error);
    },
  });
  const fromPod = sink((chunk) => void stream.push(chunk));
  const errors = sink((chunk) => {
    const text = chunk.toString('utf8').trim();
    if (text) stream.destroy(new Error(`Cannot reach ${where}: ${text}`));
  });
  try {
    const forward = new PortForward(await connection.config());
    const opened = await forward.portForward(pod.namespace, pod.name, [port], fromPod, errors, toPod);
    const socket = typeof opened === 'function' ? opened() : opened;
    if (!socket) throw new Error('the API server closed the connection');
    close = () => socket.close();
    socket.on('close', () => stream.push(null));
    socket.on('error', (error: Error) => stream.destroy(new Error(`Lost ${where}: ${messageOf(error)}`)));
  } catch (error) {
    stream.destroy();
    throw new Error(`Cannot reach ${where}: ${messageOf(error)}`);
  }
  return stream;
}

function sink(take: (chunk: Buffer) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      take(chunk);
      done();
    },
  });
}
