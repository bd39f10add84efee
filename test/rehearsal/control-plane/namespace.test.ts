import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { namespaceProblem } from '../../../src/rehearsal/control-plane/namespace.ts';
import { eventually } from '../../contract/eventually.ts';

const problem = namespaceProblem();
if (problem) console.warn(`The tests of the network namespace are skipped. ${problem}`);
const program = new URL('./namespace-program.ts', import.meta.url).pathname;
/** A background process that outlives its shell, a file, and a line that says that both are there. */
const busy = (mark: string, then: string) => `sleep ${mark} & touch "$TMPDIR/file"; echo "$TMPDIR"; ${then}`;

let marks = 0;
/** A number of seconds that no other sleep has. */
const newMark = (): string => `600.${process.pid}${marks++}`;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** The processes of this machine that carry the mark. */
const marked = (mark: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${mark}\0`;
      } catch {
        return false;
      }
    });

/** Starts it as a terminal would, in a process group of its own. */
async function start(
  mark: string,
  then: string,
): Promise<{ child: ChildProcess; directory: string; code: Promise<number | null> }> {
  const child = spawn(process.execPath, [program, busy(mark, then)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const directory = await new Promise<string>((resolve) =>
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())),
  );
  return { child, directory, code };
}

const gone = (mark: string) =>
  eventually(`no process ${mark} is left`, () => marked(mark).length === 0, 5000);

(problem ? describe.skip : describe)('a namespace', () => {
  test.each([
    ['success', 'exit 0', 0],
    ['failure', 'exit 3', 3],
  ])('leaves no process and no file after %s', async (_, then, expected) => {
    const mark = newMark();
    const { directory, code } = await start(mark, then);
    expect(await code).toBe(expected);
    await gone(mark);
    expect(existsSync(directory)).toBe(false);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves no process and no file after %s to all of it',
    async (signal) => {
      const mark = newMark();
      const { child, directory, code } = await start(
        mark,
        'trap "exit 9" INT TERM; while :; do sleep 0.1; done',
      );
      await eventually('the process runs', () => marked(mark).length === 1, 5000);
      process.kill(-(child.pid ?? 0), signal);
      await code;
      await gone(mark);
      expect(existsSync(directory)).toBe(false);
    },
  );

  test('leaves no process and no file after its starter was killed, who could remove nothing', async () => {
    const mark = newMark();
    const { child, directory, code } = await start(mark, 'while :; do sleep 0.1; done');
    child.kill('SIGKILL');
    await code;
    await gone(mark);
    expect(readdirSync(directory)).toEqual([]);
    rmdirSync(directory);
  });

  test('reaches no address but its own', async () => {
    const { code } = await start(newMark(), 'ip -o addr | grep -v " lo " | grep -q . && exit 1; exit 0');
    expect(await code).toBe(0);
  });
});
