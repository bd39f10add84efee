import { parseArgs } from 'node:util';
import { measureLive } from './live.ts';
import { peers } from './peers/index.ts';
import { measurePlan } from './plan.ts';
import { bounds, type Check, checksOf, line, type Pair, table } from './report.ts';
import { model, play, type Result, thisSuite } from './run.ts';
import { workloads } from './stage.ts';

const usage = `npm run bench -- rotation [options]
  --sizes 10,100     nodes of the group, one table each; 1000 takes long
  --peers kops,...   only models whose name contains one of these; none for this suite alone
  --surge 10%        how many nodes at once the models replace, where they have a setting for it
  --pods 25          pods on each node, two of them of DaemonSets
  --seed 1           of boot times and schedulers
  --input name=value an input of rotate-nodes that is not its default; may be given again
  --plan 1000        nodes of the cluster whose plan is measured, 30 pods on each; 0 leaves it out
  --no-live          leaves out the engine in real time
  --verbose          what the rotations say, and what they asked`;

interface Options {
  sizes: number[];
  peers: string[] | undefined;
  surge: string;
  pods: number;
  seed: number;
  inputs: Record<string, string>;
  plan: number;
  live: boolean;
  verbose: boolean;
}

/** Rotations of all contestants at all sizes, then the plan of a large cluster and the engine in real time. */
export async function benchRotation(args: string[]): Promise<number> {
  const options = read(args);
  const checks: Check[] = [];
  for (const nodes of options.sizes) checks.push(...(await compare(nodes, options)));
  if (options.plan > 0) checks.push(...(await plan(options)));
  if (options.live) checks.push(...(await live(options)));
  for (const check of checks) console.log(line(check));
  return checks.every((c) => c.passed) ? 0 : 1;
}

function read(args: string[]): Options {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      sizes: { type: 'string', default: '10,100' },
      peers: { type: 'string' },
      surge: { type: 'string', default: '10%' },
      pods: { type: 'string', default: '25' },
      seed: { type: 'string', default: '1' },
      input: { type: 'string', multiple: true, default: [] },
      plan: { type: 'string', default: '1000' },
      live: { type: 'boolean', default: true },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  return {
    sizes: values.sizes.split(',').map(Number),
    peers: values.peers?.split(','),
    surge: values.surge,
    pods: Number(values.pods),
    seed: Number(values.seed),
    inputs: Object.fromEntries(values.input.map((pair) => pair.split(/=(.*)/s, 2) as [string, string])),
    plan: Number(values.plan),
    live: values.live,
    verbose: values.verbose,
  };
}

/** Each model, and this suite with as many nodes more as the model had at its peak. */
async function compare(nodes: number, options: Options): Promise<Check[]> {
  const { pods: podsPerNode, seed, verbose, inputs } = options;
  const say = verbose ? console.log : () => {};
  const services = workloads(nodes * (podsPerNode - 2)).filter((m) => m.resource === 'services').length;
  const atOnce = options.surge.endsWith('%')
    ? Math.ceil((Number(options.surge.slice(0, -1)) * nodes) / 100)
    : Number(options.surge);
  console.log(
    `\n${nodes} nodes, ${nodes * podsPerNode} pods, ${services} services; models replace ${atOnce} at once where they can.\n`,
  );
  const stage = { nodes, podsPerNode, seed };
  const played = new Map<string, Result>();
  const ours = async (surge: number, unavailable = 0): Promise<Result> => {
    const key = `${surge} ${unavailable}`;
    const all = unavailable > 0 ? { ...inputs, 'max-unavailable': String(unavailable) } : inputs;
    const result = played.get(key) ?? (await play(thisSuite(surge, all, say), stage));
    played.set(key, result);
    return result;
  };
  const pairs: Pair[] = [];
  const chosen = peers.filter((p) => !options.peers || options.peers.some((name) => p.name.includes(name)));
  for (const peer of chosen) {
    const result = await play(model(peer, atOnce, seed, say), stage);
    const [surge, fewer] = [result.peakNodes - nodes, nodes - result.fewestServing];
    pairs.push({
      peer: result,
      ours: await ours(surge),
      asFew: fewer > 0 ? await ours(surge, fewer) : undefined,
    });
  }
  if (chosen.length === 0) {
    const alone = await ours(atOnce);
    pairs.push({ peer: alone, ours: alone });
  }
  console.log(`${table(pairs, services)}\n`);
  if (verbose)
    for (const result of new Set(pairs.flatMap((p) => [p.peer, p.ours, ...(p.asFew ? [p.asFew] : [])])))
      console.log(
        `${result.name}:`,
        result.asked.kubernetes.slice(0, 15),
        result.asked.aws,
        result.failedServices,
      );
  return pairs.flatMap(checksOf).filter((c, i, all) => all.findIndex((d) => d.what === c.what) === i);
}

async function plan({ plan: nodes, verbose }: Options): Promise<Check[]> {
  const measured = await measurePlan(nodes, 30);
  if (verbose || measured.code !== 0) console.log(measured.log);
  const what = `plan of ${nodes} nodes and ${measured.pods} pods`;
  console.log(
    `The ${what}: ${measured.seconds.toFixed(1)} s, ${measured.cpuSeconds.toFixed(1)} s of CPU, ${measured.maxRssMiB.toFixed(0)} MiB, ${measured.kubernetesRequests} Kubernetes and ${measured.awsRequests} AWS requests.\n`,
  );
  return [
    { what: `${what}: ends well`, passed: measured.code === 0 },
    {
      what: `${what}: ${(measured.seconds / bounds.planSeconds).toFixed(2)} of ${bounds.planSeconds} s`,
      passed: measured.seconds < bounds.planSeconds,
    },
    {
      what: `${what}: ${(measured.maxRssMiB / bounds.planRssMiB).toFixed(2)} of ${bounds.planRssMiB} MiB`,
      passed: measured.maxRssMiB < bounds.planRssMiB,
    },
  ];
}

async function live({ verbose }: Options): Promise<Check[]> {
  const measured = await measureLive();
  if (verbose || measured.code !== 0) console.log(measured.log);
  if (verbose) console.log(measured.kubernetes.entries(), measured.aws.entries());
  console.log(
    `The engine in real time, ${measured.nodes} nodes: ${measured.seconds.toFixed(1)} s, ${((100 * measured.cpuSeconds) / measured.seconds).toFixed(0)} % of a CPU, ${measured.maxRssMiB.toFixed(0)} MiB, ${(measured.kubernetes.total / measured.nodes).toFixed(0)} Kubernetes and ${(measured.aws.total / measured.nodes).toFixed(0)} AWS requests per node.\n`,
  );
  return [
    {
      what: 'the engine in real time: every node replaced',
      passed: measured.code === 0 && measured.left === 0,
    },
  ];
}
