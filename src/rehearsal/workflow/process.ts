import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface RunOptions {
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  onLine: (line: string) => void;
  /** Cancels as the runner does: SIGINT, after 7.5 s SIGTERM, after 2.5 s SIGKILL. */
  signal: AbortSignal;
  /** Kills at once. */
  died?: AbortSignal | undefined;
  /** Told the process id, for those who watch. */
  onStart?: ((pid: number) => void) | undefined;
}

const sigintMs = 7500;
const sigtermMs = 2500;

/** Runs a program to its end; the exit code, 128 when a signal ended it. */
export async function run(options: RunOptions): Promise<number> {
  const child = spawn(options.file, options.args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid) options.onStart?.(child.pid);
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', options.onLine);
  const ended = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      options.onLine(error.message);
      resolve(127);
    });
    child.once('close', (code) => resolve(code ?? 128));
  });
  const cancelled = () => void cancel(child, ended);
  options.signal.addEventListener('abort', cancelled, { once: true });
  if (options.signal.aborted) cancelled();
  const killed = () => void child.kill('SIGKILL');
  options.died?.addEventListener('abort', killed, { once: true });
  const code = await ended;
  options.died?.removeEventListener('abort', killed);
  options.signal.removeEventListener('abort', cancelled);
  return code;
}

/** https://github.com/actions/runner/blob/main/src/Runner.Sdk/ProcessInvoker.cs */
async function cancel(child: ChildProcess, ended: Promise<number>): Promise<void> {
  for (const [name, ms] of [
    ['SIGINT', sigintMs],
    ['SIGTERM', sigtermMs],
  ] as const) {
    child.kill(name);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), ms);
    });
    const first = await Promise.race([ended, late]);
    clearTimeout(timer);
    if (first !== 'late') return;
  }
  child.kill('SIGKILL');
}
