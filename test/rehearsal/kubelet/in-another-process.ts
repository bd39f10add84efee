import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a program beside the tests prints as JSON; real processes and real time have no place in jest's module system. */
export async function inAnotherProcess(file: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [new URL(file, import.meta.url).pathname]);
  return JSON.parse(stdout);
}
