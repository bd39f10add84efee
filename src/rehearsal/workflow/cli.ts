import { parseArgs } from 'node:util';
import { messageOf } from '../../text.ts';
import { runWorkflow } from './run-workflow.ts';

const usage = `Runs a workflow file of this repository on this machine.

  npm run workflow -- <file> [--event name] [--input name=value]... [--env NAME=value]... [--var NAME=value]...

The event is workflow_dispatch unless given. Ctrl-C cancels the run as GitHub would; a second one ends it at once.`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      event: { type: 'string' },
      input: { type: 'string', multiple: true },
      env: { type: 'string', multiple: true },
      var: { type: 'string', multiple: true },
      help: { type: 'boolean' },
    },
  });
  const [file, ...others] = positionals;
  if (values.help) return undefined;
  if (!file || others.length > 0) throw new Error(`Expected one workflow file.\n\n${usage}`);
  return {
    file,
    ...(values.event ? { event: values.event } : {}),
    inputs: pairs('--input', values.input),
    env: { ...(process.env as Record<string, string>), ...pairs('--env', values.env) },
    variables: pairs('--var', values.var),
  };
}

function pairs(option: string, list: string[] = []): Record<string, string> {
  return Object.fromEntries(
    list.map((pair) => {
      const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(pair) ?? [];
      if (name === undefined || value === undefined)
        throw new Error(`${option}: got ${pair}, expected name=value.`);
      return [name, value];
    }),
  );
}

const cancel = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (cancel.signal.aborted) process.exit(130);
    cancel.abort();
  });
try {
  const given = readArguments();
  if (!given) console.log(usage);
  else {
    const { conclusion, jobs } = await runWorkflow({
      repository: process.cwd(),
      ...given,
      nodeBinary: process.execPath,
      signal: cancel.signal,
      onLine: (line, job) => console.log(`${job} | ${line}`),
      onStep: ({ job, name, change, conclusion }) =>
        console.log(`${job} | == ${name} ${conclusion ?? change}`),
    });
    for (const [id, job] of Object.entries(jobs)) console.log(`${id}: ${job.conclusion}`);
    process.exitCode = conclusion === 'success' ? 0 : 1;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
process.exit();
