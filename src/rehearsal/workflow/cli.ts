import { parseArgs } from 'node:util';
import { messageOf } from '../../text.ts';
import { runWorkflow } from './run-workflow.ts';

const usage = `Runs a workflow file of this repository on this machine.

  npm run workflow -- <file> [--input name=value]... [--env NAME=value]...

Ctrl-C cancels the run as GitHub would.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    input: { type: 'string', multiple: true },
    env: { type: 'string', multiple: true },
    help: { type: 'boolean' },
  },
});

const pairs = (list: string[] | undefined): Record<string, string> =>
  Object.fromEntries(
    (list ?? []).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );

const [file] = positionals;
if (values.help || !file) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}
const cancel = new AbortController();
process.on('SIGINT', () => cancel.abort());
try {
  const { conclusion, jobs } = await runWorkflow({
    repository: process.cwd(),
    file,
    inputs: pairs(values.input),
    env: { ...(process.env as Record<string, string>), ...pairs(values.env) },
    nodeBinary: process.execPath,
    signal: cancel.signal,
    onLine: (line, job) => console.log(`${job} | ${line}`),
    onStep: ({ job, name, change, conclusion }) => console.log(`${job} | == ${name} ${conclusion ?? change}`),
  });
  for (const [id, job] of Object.entries(jobs)) console.log(`${id}: ${job.conclusion}`);
  process.exit(conclusion === 'success' ? 0 : 1);
} catch (error) {
  console.error(messageOf(error));
  process.exit(2);
}
