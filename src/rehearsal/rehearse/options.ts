import { parseArgs } from 'node:util';
import { messageOf } from '../../text.ts';
import { type Release, releaseOf } from '../control-plane/versions.ts';
import type { Fault } from '../faults/fault.ts';
import { faults } from '../faults/index.ts';

export interface RehearseOptions {
  only: 'nodes' | 'all';
  seed: number;
  fault: Fault | undefined;
  /** Shows that the witnesses can see: `undrained-node` or `bare-failover`. */
  control: 'undrained-node' | 'bare-failover' | undefined;
  /** Kill the engine and its runner after this many milliseconds of the rotation, then run the workflow again. */
  killAfterMs: number | undefined;
  kill: 'runner' | 'engine';
  /** Run on a real control plane of this release instead of the embedded one. */
  real: Release | undefined;
  /** Where to write the picture of the run. */
  picture: string | undefined;
  verbose: boolean;
}

export const usage = `Rehearses an upgrade of a whole cluster on this machine.

  npm run rehearse [-- options]

  --only nodes          leave Redis out
  --real                on a real control plane: etcd, kube-apiserver, controller-manager, scheduler
  --release <name>      which one: newest (default), oldest, or a minor such as 1.31
  --seed <number>       another world (default 1)
  --fault <name>        let something go wrong:
${faults.map((f) => `                          ${f.name.padEnd(18)} ${f.what}`).join('\n')}
  --control <name>      show that the witnesses can see:
                          undrained-node     terminates a node without draining it
                          bare-failover      a SENTINEL FAILOVER without protection
  --kill-after <ms>     SIGKILL so long after the rotation began, then run the workflow again
  --kill runner|engine  what is killed: the whole runner (default), or the engine only
  --picture <file>      write a picture of the run (SVG)
  --verbose             show the log of every step`;

/** @throws Error that lists every problem. */
export function readOptions(args: string[]): RehearseOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      fault: { type: 'string' },
      control: { type: 'string' },
      'kill-after': { type: 'string' },
      kill: { type: 'string', default: 'runner' },
      real: { type: 'boolean', default: false },
      release: { type: 'string' },
      picture: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const problems: string[] = [];
  const fault = faults.find((f) => f.name === values.fault);
  if (values.fault && !fault)
    problems.push(`--fault: got ${values.fault}, expected one of ${faults.map((f) => f.name).join(', ')}`);
  if (values.only && values.only !== 'nodes') problems.push(`--only: got ${values.only}, expected nodes`);
  if (!/^\d+$/.test(values.seed)) problems.push(`--seed: got ${values.seed}, expected a number`);
  const control = (['undrained-node', 'bare-failover'] as const).find((c) => c === values.control);
  if (values.control && !control)
    problems.push(`--control: got ${values.control}, expected undrained-node or bare-failover`);
  if (values['kill-after'] !== undefined && !/^\d+$/.test(values['kill-after']))
    problems.push(`--kill-after: got ${values['kill-after']}, expected milliseconds`);
  if (values.kill !== 'runner' && values.kill !== 'engine')
    problems.push(`--kill: got ${values.kill}, expected runner or engine`);
  if (control && fault) problems.push('--control and --fault cannot be used together');
  if (values.release && !values.real) problems.push('--release: only together with --real');
  if (values.real && fault?.kubernetes)
    problems.push(`--fault ${fault.name} speaks for the embedded API server; leave out --real`);
  let real: Release | undefined;
  try {
    if (values.real) real = releaseOf(values.release ?? 'newest');
  } catch (error) {
    problems.push(`--release: ${messageOf(error)}`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return {
    only: values.only === 'nodes' ? 'nodes' : 'all',
    seed: Number(values.seed),
    fault,
    control,
    killAfterMs: values['kill-after'] === undefined ? undefined : Number(values['kill-after']),
    kill: values.kill === 'engine' ? 'engine' : 'runner',
    real,
    picture: values.picture,
    verbose: values.verbose,
  };
}
