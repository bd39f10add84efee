import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runWorkflow } from '../../../src/rehearsal/workflow/run-workflow.ts';
import { messageOf } from '../../../src/text.ts';
import type { Fixture, FixtureRun } from './fixture.ts';

/** Runs the workflow `w.yml` of a small repository, both given as JSON on stdin, outside jest's own module system. */
const { files, cancelAt, killAt, ...options } = JSON.parse(readFileSync(0, 'utf8')) as Fixture;
const repository = mkdtempSync(join(tmpdir(), 'fixture-'));
for (const [path, content] of Object.entries(files)) {
  mkdirSync(dirname(join(repository, path)), { recursive: true });
  writeFileSync(join(repository, path), content);
}
const lines: string[] = [];
const steps: string[] = [];
const cancel = new AbortController();
let pid = 0;
const seen = (line: string) => {
  lines.push(line);
  if (cancelAt !== undefined && line.endsWith(cancelAt)) cancel.abort();
  if (killAt !== undefined && line.endsWith(killAt)) process.kill(pid, 'SIGKILL');
};
let run: FixtureRun | { error: string };
try {
  const result = await runWorkflow({
    file: 'w.yml',
    inputs: {},
    env: {},
    ...options,
    repository,
    nodeBinary: process.execPath,
    signal: cancel.signal,
    onLine: (line, job) => seen(`${job} | ${line}`),
    onStep: ({ job, name, change, conclusion }) => steps.push(`${job}: ${name} ${conclusion ?? change}`),
    onProcess(id) {
      pid = id;
    },
  });
  run = { ...result, repository, lines, steps };
} catch (error) {
  run = { error: messageOf(error) };
}
console.log(JSON.stringify(run));
