import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { EndpointSlice } from '../../cluster/objects.ts';
import type { Store } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Random } from '../world/random.ts';

export interface BalancerOptions {
  store: Store;
  clock: WorldClock;
  random: Random;
  namespace: string;
  service: string;
  /** How late it learns of a change, each time anew. */
  learnMs?: { from: number; to: number };
}

/**
 * A network load balancer with pod addresses as targets: it learns of changes late, keeps connections it has, and never
 * retries. A pod that is gone before the balancer has learned of it costs the client its connection.
 */
export async function startBalancer(options: BalancerOptions): Promise<{ url: string; close(): void }> {
  const { store, clock, random, namespace, service } = options;
  const learnMs = options.learnMs ?? { from: 500, to: 3000 };
  const targets = new Map<string, number>();
  const wanted = new Map<string, boolean>();
  let turn = 0;

  const learn = (slice: EndpointSlice) => {
    const port = slice.ports?.[0]?.port ?? 80;
    const ready = new Set(slice.endpoints.filter((e) => e.conditions?.ready).flatMap((e) => e.addresses));
    for (const address of new Set([...ready, ...wanted.keys()])) {
      const serve = ready.has(address);
      if (wanted.get(address) === serve || (!serve && !wanted.has(address))) continue;
      wanted.set(address, serve);
      clock.after(random.between(learnMs.from, learnMs.to), () => {
        if (wanted.get(address) !== serve) return;
        if (serve) targets.set(address, port);
        else {
          targets.delete(address);
          wanted.delete(address);
        }
      });
    }
  };
  const unsubscribe = store.subscribe('endpointslices', ({ object }) => {
    if (
      object.metadata.namespace === namespace &&
      object.metadata.labels?.['kubernetes.io/service-name'] === service
    )
      learn(object);
  });

  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const known = [...targets];
    const target = known[turn++ % Math.max(1, known.length)];
    if (!target) return void client.resetAndDestroy();
    sockets.add(client);
    const [host, port] = target;
    const pod = connect({ host, port, noDelay: true });
    client.setNoDelay(true);
    pod.pipe(client);
    client.pipe(pod);
    pod.on('error', () => client.resetAndDestroy());
    client.on('error', () => pod.destroy());
    client.on('close', () => {
      sockets.delete(client);
      pod.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      unsubscribe();
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
