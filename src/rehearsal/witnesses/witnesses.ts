import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { WitnessReport, WitnessSettings } from './report.ts';

/** The witness process, as the rehearsal handles it. */
export class Witnesses {
  readonly #child: ChildProcess;
  readonly #onReport: (report: WitnessReport) => void;
  /** Consumers take their jobs here. */
  readonly queueUrl: string;

  private constructor(child: ChildProcess, queueUrl: string, onReport: (report: WitnessReport) => void) {
    this.#child = child;
    this.queueUrl = queueUrl;
    this.#onReport = onReport;
  }

  /** Starts the process and its queue; nothing is sent before `begin`. */
  static async start(
    queue: WitnessSettings['queue'],
    onReport: (report: WitnessReport) => void,
  ): Promise<Witnesses> {
    const file = fileURLToPath(
      new URL(`./main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
    );
    const child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    child.send({ http: [], redis: [], queue } satisfies WitnessSettings);
    const queueUrl = await new Promise<string>((resolve, reject) => {
      child.once('message', (message: { queueUrl: string }) => resolve(message.queueUrl));
      child.once('exit', (code) =>
        reject(new Error(`The witnesses ended before they began (exit code ${code}).`)),
      );
    });
    return new Witnesses(child, queueUrl, onReport);
  }

  begin(settings: Pick<WitnessSettings, 'http' | 'redis'>): void {
    this.#child.on('message', (message) => this.#onReport(message as WitnessReport));
    this.#child.send({ begin: settings });
  }

  /** Ends all traffic, lets the queue run dry, reads every acknowledged write back, and gives the final report. */
  stop(): Promise<WitnessReport> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (message) => {
        if ((message as WitnessReport).final) resolve(message as WitnessReport);
      });
      this.#child.once('exit', (code) =>
        reject(new Error(`The witnesses ended without a report (exit code ${code}).`)),
      );
      this.#child.send({ stop: true });
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
