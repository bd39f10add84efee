import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Targets, type TargetsOptions } from './targets.ts';

export type BalancerOptions = Omit<TargetsOptions, 'learnMs'> & Partial<Pick<TargetsOptions, 'learnMs'>>;

export interface Balancer {
  /** For example `http://127.0.0.1:4711`. */
  url: string;
  /** The same as `host:port`. */
  address: string;
  /** Takes no more connections and cuts those it has. */
  close(): Promise<void>;
}

const learnMs = { from: 500, to: 3000 };

/**
 * A network load balancer with pod addresses as targets: it learns of changes late, keeps connections it has, and never
 * retries. A pod that is gone before the balancer has learned of it costs the client its connection.
 */
export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  const targets = new Targets({ learnMs, ...options });
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    client.on('error', () => {});
    const target = targets.next();
    if (target) forward(client, target, sockets);
    else client.resetAndDestroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${address}`,
    address,
    close() {
      targets.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}

function forward(client: Socket, target: { host: string; port: number }, sockets: Set<Socket>): void {
  sockets.add(client);
  const pod = connect({ ...target, noDelay: true });
  client.setNoDelay(true);
  pod.pipe(client);
  client.pipe(pod);
  pod.on('error', () => client.resetAndDestroy());
  client.on('error', () => pod.destroy());
  client.on('close', () => {
    sockets.delete(client);
    pod.destroy();
  });
}
