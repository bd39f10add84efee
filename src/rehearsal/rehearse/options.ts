import { parseArgs } from 'node:util';
import { messageOf } from '../../text.ts';
import { type Release, releaseOf } from '../control-plane/versions.ts';
import type { Fault } from '../faults/fault.ts';
import { faults } from '../faults/index.ts';
import { type Crowd, crowdOf } from '../scenario/crowd.ts';

/** Three services with at least one pod each, in two groups of three zones. */
const fewestNodes = 8;

/** Each topology is a name of `--only`, too. */
export const topologies = ['sentinel', 'cluster'] as const;
export type Topology = (typeof topologies)[number];

/** Something that stops the first run of the workflow so long after the rotation began; then it is run again. */
export interface Interruption {
  afterMs: number;
  /** SIGKILL for the whole runner or for the engine only, or the cancel button. */
  how: 'kill runner' | 'kill engine' | 'cancel';
}

export interface RehearseOptions {
  /** Which Redis is rehearsed. */
  redis: readonly Topology[];
  /** A large cluster instead of the shop with its seven nodes. */
  crowd: Crowd | undefined;
  seed: number;
  fault: Fault | undefined;
  /** Shows that the witnesses can see: `undrained-node` or `bare-failover`. */
  control: 'undrained-node' | 'bare-failover' | undefined;
  interruption: Interruption | undefined;
  /** Run on a real control plane of this release instead of the embedded one. */
  real: Release | undefined;
  /** Where to append the rights that the suite has used. */
  rights: string | undefined;
  /** Where to write the picture of the run. */
  picture: string | undefined;
  verbose: boolean;
}

export const usage = `Rehearses an upgrade of a whole cluster on this machine.

  npm run rehearse [-- options]

  --only <what>         nodes leaves Redis out; sentinel or cluster rehearses that Redis alone
  --nodes <number>      a large cluster: 25 pods for each node, one of them serves (without Redis)
  --real                on a real control plane: etcd, kube-apiserver, controller-manager, scheduler
  --release <name>      which one: newest (default), oldest, or a minor such as 1.31
  --rights <file>       with --real: append the rights that the suite has used
  --seed <number>       another world (default 1)
  --fault <name>        let something go wrong:
${faults.map((f) => `                          ${f.name.padEnd(18)} ${f.what}`).join('\n')}
  --control <name>      show that the witnesses can see:
                          undrained-node     terminates a node without draining it
                          bare-failover      a SENTINEL FAILOVER without protection
  --kill-after <ms>     SIGKILL so long after the rotation began, then run the workflow again
  --kill runner|engine  what is killed: the whole runner (default), or the engine only
  --cancel-after <ms>   cancel the workflow so long after the rotation began, then run it again
  --picture <file>      write a picture of the run (SVG)
  --verbose             show the log of every step`;

/** @throws Error that lists every problem. */
export function readOptions(args: string[]): RehearseOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      nodes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      fault: { type: 'string' },
      control: { type: 'string' },
      'kill-after': { type: 'string' },
      kill: { type: 'string', default: 'runner' },
      'cancel-after': { type: 'string' },
      real: { type: 'boolean', default: false },
      release: { type: 'string' },
      rights: { type: 'string' },
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
  const only = (['nodes', ...topologies] as const).find((o) => o === values.only);
  if (values.only && !only)
    problems.push(`--only: got ${values.only}, expected nodes, ${topologies.join(' or ')}`);
  if (values.nodes !== undefined && !(/^\d+$/.test(values.nodes) && Number(values.nodes) >= fewestNodes))
    problems.push(`--nodes: got ${values.nodes}, expected a number of at least ${fewestNodes}`);
  if (values.nodes !== undefined && only && only !== 'nodes')
    problems.push(`--nodes: the large cluster has no Redis; leave out --only ${only}`);
  if (!/^\d+$/.test(values.seed)) problems.push(`--seed: got ${values.seed}, expected a number`);
  const control = (['undrained-node', 'bare-failover'] as const).find((c) => c === values.control);
  if (values.control && !control)
    problems.push(`--control: got ${values.control}, expected undrained-node or bare-failover`);
  for (const name of ['kill-after', 'cancel-after'] as const) {
    const given = values[name];
    if (given !== undefined && !/^\d+$/.test(given))
      problems.push(`--${name}: got ${given}, expected milliseconds`);
  }
  if (values['kill-after'] !== undefined && values['cancel-after'] !== undefined)
    problems.push('--kill-after and --cancel-after cannot be used together');
  if (values.kill !== 'runner' && values.kill !== 'engine')
    problems.push(`--kill: got ${values.kill}, expected runner or engine`);
  if (control && fault) problems.push('--control and --fault cannot be used together');
  for (const name of ['release', 'rights'] as const)
    if (values[name] && !values.real) problems.push(`--${name}: only together with --real`);
  if (values.real && (fault?.kubernetes || fault?.watchMs))
    problems.push(`--fault ${fault.name} speaks for the embedded API server; leave out --real`);
  let real: Release | undefined;
  try {
    if (values.real) real = releaseOf(values.release ?? 'newest');
  } catch (error) {
    problems.push(`--release: ${messageOf(error)}`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return {
    redis: only === 'nodes' || values.nodes ? [] : topologies.filter((t) => only === undefined || t === only),
    crowd: values.nodes ? crowdOf(Number(values.nodes)) : undefined,
    seed: Number(values.seed),
    fault,
    control,
    interruption: interruptionOf(values),
    real,
    rights: values.rights,
    picture: values.picture,
    verbose: values.verbose,
  };
}

function interruptionOf(values: {
  'kill-after'?: string;
  'cancel-after'?: string;
  kill: string;
}): Interruption | undefined {
  const { 'kill-after': kill, 'cancel-after': cancel } = values;
  if (cancel !== undefined) return { afterMs: Number(cancel), how: 'cancel' };
  if (kill === undefined) return undefined;
  return { afterMs: Number(kill), how: values.kill === 'engine' ? 'kill engine' : 'kill runner' };
}
