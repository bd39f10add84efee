import type { Duplex } from 'node:stream';
import type { Container, Pod } from '../../cluster/objects.ts';

/** A container that runs as a real process. */
export interface RunningContainer {
  /** The exit code, or 128 plus the signal's number. */
  exited: Promise<number>;
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

/** What turns containers into processes. A container it does not know is weightless: it only exists in the API. */
export interface Runtime {
  /** Whether the container becomes a process. */
  runs(container: Container): boolean;
  start(pod: Pod, container: Container, address: string): RunningContainer;
  /** An address of its own for a pod's processes. */
  nextAddress(): string;
  connect(address: string, port: number): Promise<Duplex>;
  /** Whether an HTTP (with path) or TCP probe succeeds. */
  probe(address: string, port: number, path: string | undefined): Promise<boolean>;
  /** Kills what is left. */
  stop(): Promise<void>;
}

/** A runtime without processes, for worlds on a virtual clock. */
export function weightlessRuntime(): Runtime {
  let count = 0;
  return {
    runs: () => false,
    start() {
      throw new Error('The weightless runtime starts no process.');
    },
    nextAddress() {
      count++;
      return `10.200.${Math.floor(count / 250) % 250}.${1 + (count % 250)}`;
    },
    connect: async (address, port) => {
      throw new Error(`Nothing listens on ${address}:${port}: its pod is weightless.`);
    },
    probe: async () => true,
    stop: async () => {},
  };
}
