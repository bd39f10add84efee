import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { type Command, ownProgram } from '../images/image.ts';

/** The processes of one runtime. None outlives it: not when it stops, not when its process ends or is killed. */
export class Children {
  readonly #children = new Set<ChildProcess>();
  readonly #killAll = () => {
    for (const child of this.#children) child.kill('SIGKILL');
  };
  #survivors: ChildProcess | undefined;

  constructor() {
    process.on('exit', this.#killAll);
  }

  /** Starts the command with its output in a file; `exited` is the exit code, or 128 plus the signal's number. */
  spawn(
    command: Command,
    env: Record<string, string | undefined>,
    log: string,
  ): { child: ChildProcess; exited: Promise<number> } {
    const output = openSync(log, 'a');
    const child = spawn(command.file, command.args, { env, stdio: ['pipe', output, output] });
    closeSync(output);
    this.#children.add(child);
    if (child.pid !== undefined) this.#tell(`+${child.pid}`);
    const exited = new Promise<number>((resolve) => {
      const ended = (code: number) => {
        this.#children.delete(child);
        if (child.pid !== undefined) this.#tell(`-${child.pid}`);
        resolve(code);
      };
      // Nothing was started, for example because there is no such file.
      child.once('error', () => ended(127));
      child.once('exit', (code, signal) => ended(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    return { child, exited };
  }

  async stop(): Promise<void> {
    this.#killAll();
    await Promise.all(
      [...this.#children].map((child) => new Promise((resolve) => child.once('exit', resolve))),
    );
    process.off('exit', this.#killAll);
    this.#survivors?.stdin?.end();
  }

  #tell(line: string): void {
    if (!this.#survivors) {
      const { file, args } = ownProgram(import.meta.url, 'survivors', {});
      this.#survivors = spawn(file, args, { stdio: ['pipe', 'ignore', 'ignore'] });
      // It waits for us, not we for it; without it all is well as long as nobody kills us.
      this.#survivors.unref();
      this.#survivors.on('error', () => {});
      this.#survivors.stdin?.on('error', () => {});
    }
    this.#survivors.stdin?.write(`${line}\n`);
  }
}
