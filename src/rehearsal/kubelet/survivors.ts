import { createInterface } from 'node:readline';

/**
 * A program that knows the processes of one runtime (`+<pid>` and `-<pid>` on its stdin) and kills what is left of them when
 * the runtime's process ends, also when that was killed and could do nothing itself.
 */
const pids = new Set<number>();
// Ctrl-C reaches the whole terminal; the runtime decides when it is over.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) pids.add(pid);
  else pids.delete(pid);
}
for (const pid of pids) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}
