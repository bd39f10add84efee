import { createServer } from 'node:net';

/** Something that only one process on this machine, or in this network namespace, may have at a time. */
export interface Claim {
  release(): void;
}

/**
 * Undefined when somebody else has it. A socket in Linux's abstract namespace stands for the claim: it is gone with the process
 * that holds it, whatever way that ends, and keeps no process alive.
 */
export function claim(name: string): Promise<Claim | undefined> {
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(`\0eks-rolling/${name}`, () => resolve({ release: () => void server.close() }));
  });
}
