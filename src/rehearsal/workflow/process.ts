import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { RunnerTimes } from './times.ts';

export interface RunOptions {
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  onLine: (line: string) => void;
  /** Cancels as the runner does: SIGINT, then SIGTERM, then SIGKILL. */
  signal: AbortSignal;
  /** Kills at once. */
  died: AbortSignal;
  times: RunnerTimes;
  /** Told the process id, for those who watch. */
  onStart?: ((pid: number) => void) | undefined;
}

/** By this variable a job finds the programs that its steps left behind, as GitHub's runner does. */
export const trackingVariable = 'RUNNER_TRACKING_ID';

/** Runs a program to its end; the exit code, 128 when a signal ended it. */
export async function run(options: RunOptions): Promise<number> {
  const { signal, died, times, onLine } = options;
  const child = spawn(options.file, options.args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C reaches the runner alone, which then cancels, and SIGKILL takes the children along.
    detached: true,
  });
  if (child.pid) options.onStart?.(child.pid);
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      onLine(error.message);
      resolve(127);
    });
    child.once('exit', (code) => resolve(code ?? 128));
  });
  const closed = new Promise<'closed'>((resolve) => child.once('close', () => resolve('closed')));
  const cancelled = () => void cancel(child, exited, times);
  const killed = () => kill(child);
  process.once('exit', killed);
  signal.addEventListener('abort', cancelled, { once: true });
  died.addEventListener('abort', killed, { once: true });
  if (signal.aborted) cancelled();
  if (died.aborted) killed();
  const code = await exited;
  process.removeListener('exit', killed);
  signal.removeEventListener('abort', cancelled);
  died.removeEventListener('abort', killed);
  if (child.pid && (await within(closed, times.openOutputMs)) === 'late') {
    child.stdout.destroy();
    child.stderr.destroy();
  }
  return code;
}

async function cancel(child: ChildProcess, exited: Promise<number>, times: RunnerTimes): Promise<void> {
  child.kill('SIGINT');
  if ((await within(exited, times.interruptMs)) !== 'late') return;
  child.kill('SIGTERM');
  if ((await within(exited, times.terminateMs)) !== 'late') return;
  kill(child);
}

/** SIGKILL to the program and its children, while it is there: its group's number may be another's afterwards. */
function kill(child: ChildProcess): void {
  if (!child.pid || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}

/** Ends the programs that the steps of a job left running. Where there is no /proc, none are found. */
export function endLeftovers(trackingId: string): number {
  const mark = `${trackingVariable}=${trackingId}`;
  let ended = 0;
  for (const pid of numbersIn('/proc')) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark)) continue;
      process.kill(pid, 'SIGKILL');
      ended++;
    } catch {
      // Gone meanwhile, or somebody else's.
    }
  }
  return ended;
}

function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory).map(Number).filter(Boolean);
  } catch {
    return [];
  }
}
