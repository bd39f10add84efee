import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Endpoints } from '../../src/rehearsal/cluster.ts';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { Requests } from './count.ts';

export interface Usage {
  seconds: number;
  cpuSeconds: number;
  maxRssMiB: number;
  code: number | null;
  log: string;
}

/** Runs the engine as a runner does, as a process of its own from its sources, and measures it from inside at its exit. */
export async function runEngineProcess(endpoints: Endpoints, inputs: Record<string, string>): Promise<Usage> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'));
  const file = (name: string): string => join(directory, name);
  for (const kind of ['OUTPUT', 'STATE', 'STEP_SUMMARY']) writeFileSync(file(kind), '');
  // At the exit, because only the process itself knows its highest resident size on every system.
  writeFileSync(
    file('usage.mjs'),
    `import { writeFileSync } from 'node:fs';
process.on('exit', () => writeFileSync(${JSON.stringify(file('usage.json'))}, JSON.stringify(process.resourceUsage())));
`,
  );
  const env = {
    PATH: process.env.PATH,
    ...endpoints.environment,
    GITHUB_OUTPUT: file('OUTPUT'),
    GITHUB_STATE: file('STATE'),
    GITHUB_STEP_SUMMARY: file('STEP_SUMMARY'),
    ...Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
    ),
  };
  const began = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', pathToFileURL(file('usage.mjs')).href, resolve(import.meta.dirname, '../../src/main.ts')],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  child.stdout.on('data', (chunk) => (log += chunk));
  child.stderr.on('data', (chunk) => (log += chunk));
  const code = await new Promise<number | null>((ended) => child.once('close', ended));
  const seconds = (performance.now() - began) / 1000;
  const usage = JSON.parse(readFileSync(file('usage.json'), 'utf8')) as NodeJS.ResourceUsage;
  rmSync(directory, { recursive: true, force: true });
  return {
    seconds,
    cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    maxRssMiB: usage.maxRSS / 1024,
    code,
    log,
  };
}

/** Counts what the endpoints are asked, as a fault that changes nothing. */
export function countingRequests(): { fault: Fault; kubernetes: Requests; aws: Requests } {
  const [kubernetes, aws] = [new Requests(), new Requests()];
  const fault: Fault = {
    name: 'count',
    what: 'nothing goes wrong; requests are counted',
    kubernetes({ method, path }) {
      kubernetes.add(
        `${method} ${
          path
            .split('?')[0]
            ?.split('/')
            .findLast((part) => /^[a-z]+s$/.test(part)) ?? path
        }`,
      );
      return undefined;
    },
    aws({ action }) {
      aws.add(action);
      return undefined;
    },
    explained: { byWords: [], conclusion: 'success' },
  };
  return { fault, kubernetes, aws };
}
