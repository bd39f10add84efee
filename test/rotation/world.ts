import type { Policy } from '../../src/aws/rights.ts';
import type { Clock } from '../../src/clock.ts';
import { instanceIdOf, nodeReady } from '../../src/cluster/members.ts';
import type { Lease } from '../../src/cluster/objects.ts';
import { isReady, isTerminating } from '../../src/cluster/pods.ts';
import type { Aws, Kubernetes } from '../../src/cluster/ports.ts';
import type { Operation, Session } from '../../src/operations/contract.ts';
import { rotateNodes } from '../../src/operations/rotate-nodes.ts';
import { inProcessAws } from '../../src/rehearsal/aws/in-process.ts';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { createEmbeddedCluster, type EmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { faultyAws, faultyKubernetes } from '../../src/rehearsal/faulty/ports.ts';
import { weightlessRuntime } from '../../src/rehearsal/kubelet/runtime.ts';
import { type Authorize, authorizer, shippedRoles } from '../../src/rehearsal/kubernetes/authorization.ts';
import { inProcessKubernetes } from '../../src/rehearsal/kubernetes/in-process.ts';
import { differences, type Settings, settingsOf } from '../../src/rehearsal/rehearse/settings-check.ts';
import {
  account,
  cluster as clusterName,
  newImage,
  releaseNewImage,
} from '../../src/rehearsal/scenario/account.ts';
import type { Manifest } from '../../src/rehearsal/scenario/objects.ts';
import { webWorkloads } from '../../src/rehearsal/scenario/shop.ts';
import { systemWorkloads } from '../../src/rehearsal/scenario/system.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';
import type { Self } from '../../src/rotation/not-yet.ts';

/** The shop on seven outdated nodes in two groups, on a virtual clock, without processes. */
export interface World {
  clock: VirtualClock;
  cluster: EmbeddedCluster;
  /** What the engine may do in the cluster. */
  authorize: Authorize;
  /** Whether the API server tells beforehand which of these rights are missing. */
  reviews: boolean;
  before: Settings;
  /** Where the engine runs; somewhere else unless a test says so. */
  self?: Self;
  /** When its AWS credentials end, if they cannot be renewed. */
  credentialsLastUntil?: number | undefined;
  /** How many engines have been started. */
  processes: number;
  outdated(): string[];
  /** What is not as it was before the rotation. */
  changed(): string[];
  lease(): Lease | undefined;
  /** The fewest pods of an app of the shop that were ready at once since the rotation could begin. */
  fewestReady(app: string): number;
}

export interface WorldOptions {
  seed?: number;
  fault?: Fault;
  more?: readonly Manifest[];
  /** Boot and AWS durations are divided by this. */
  factor?: number;
  /** What the engine may do in AWS; without it what the policy of the docs gives it. */
  policy?: Policy;
  /** And in the cluster: a YAML text of roles. */
  roles?: string;
  /** False: whoever asks beforehand is told that every right is there; a missing one shows when it is used. */
  reviews?: boolean;
  /** Changes the account before it starts. */
  account?: (description: AwsDescription) => void;
  /** Changes the account when the new image is there, before the fault begins. */
  released?: (cluster: EmbeddedCluster) => void;
  /** What the groups launch stays as it is: no node is outdated by itself. */
  noRelease?: boolean;
}

export async function shopWorld(options: WorldOptions = {}): Promise<World> {
  const clock = new VirtualClock();
  const description = account();
  options.account?.(description);
  const { fault } = options;
  fault?.account?.(description);
  const cluster = createEmbeddedCluster({
    clock,
    seed: options.seed ?? 1,
    description,
    factor: options.factor ?? 1,
    runtime: weightlessRuntime,
    fault,
    policy: options.policy,
  });
  const nodes = description.groups.reduce((sum, g) => sum + g.desired, 0);
  cluster.apply(systemWorkloads());
  await settled(clock, cluster, nodes);
  const manifests = [...webWorkloads('http://queue'), ...(options.more ?? [])];
  cluster.apply(fault?.manifests?.(manifests) ?? manifests);
  await settled(clock, cluster, nodes);
  if (!options.noRelease) releaseNewImage(description);
  options.released?.(cluster);
  cluster.enableFault();
  const before = settingsOf(cluster);
  const fewest = new Map<string, number>();
  cluster.store.subscribe('pods', ({ object }) => {
    const app = object.metadata.labels?.app ?? '';
    const ready = cluster.store
      .list('pods', { namespace: object.metadata.namespace ?? '', labelSelector: `app=${app}` })
      .filter((p) => isReady(p) && !isTerminating(p)).length;
    fewest.set(app, Math.min(ready, fewest.get(app) ?? ready));
  });
  return {
    clock,
    cluster,
    authorize: authorizer(options.roles ?? shippedRoles()),
    reviews: options.reviews ?? true,
    before,
    processes: 0,
    outdated: () =>
      cluster.store
        .list('nodes')
        .filter((n) => cluster.aws.instances.get(instanceIdOf(n) ?? '')?.imageId !== newImage)
        .map((n) => n.metadata.name),
    changed: () => differences(before, settingsOf(cluster)),
    lease: () => cluster.store.get('leases', { namespace: 'kube-system', name: 'eks-rolling' }),
    fewestReady: (app) => fewest.get(app) ?? Number.POSITIVE_INFINITY,
  };
}

async function settled(clock: VirtualClock, { store }: EmbeddedCluster, nodes: number): Promise<void> {
  const daemons = () => store.list('daemonsets').length * nodes;
  const wanted = () =>
    [...store.list('deployments'), ...store.list('statefulsets')].reduce(
      (sum, w) => sum + (w.spec.replicas ?? 1),
      daemons(),
    );
  for (let i = 0; i < 100; i++) {
    const pods = store.list('pods');
    if (
      store.list('nodes').filter(nodeReady).length === nodes &&
      pods.length >= wanted() &&
      pods.every(isReady)
    )
      return;
    await clock.advance(5000);
  }
  throw new Error('The world did not settle.');
}

/** One engine process at work on the world. */
export interface Engine {
  outputs: Record<string, string>;
  log: string[];
  /** How many writes have been sent. */
  writes(): number;
  killed(): boolean;
  summary(): string;
  /** What the operation ended with: empty, or the message of its failure. Never settles after `kill`. */
  ended: Promise<string>;
  /** As SIGTERM does. */
  stop(): void;
  /** As SIGKILL does: what was sent has arrived, and nothing more is ever done. */
  kill(): void;
}

export const defaults: Record<string, string> = {
  cluster: clusterName,
  validation: '{"verdict":"passed","digest":"0"}',
  baseline: 'none',
};

const writing = new Set([
  'create',
  'update',
  'patch',
  'remove',
  'evict',
  'resize',
  'launch',
  'launchFrom',
  'copyTemplate',
  'removeTemplateVersion',
  'copyConfiguration',
  'removeConfiguration',
  'terminate',
  'suspend',
  'resume',
  'register',
  'deregister',
]);
const isDryRun = (args: unknown[]): boolean =>
  args.some((a) => typeof a === 'object' && a !== null && (a as { dryRun?: boolean }).dryRun === true);

/**
 * @param how `afterWrite` kills the process, and `stopsAfterWrite` stops it, right after its write with this number arrived; `through` is what it sees of AWS,
 * for an engine that is wrong about it; `onWrite` is told each write before it is made
 */
export function startEngine(
  world: World,
  inputs: Record<string, string> = {},
  how: {
    afterWrite?: number;
    stopsAfterWrite?: number;
    through?: (aws: Aws) => Aws;
    onWrite?: (name: string, args: unknown[]) => void;
  } = {},
  operation: Operation = rotateNodes,
): Engine {
  const stopped = new AbortController();
  let killed = false;
  const never = new Promise<never>(() => {});
  let writes = 0;
  /** Calls of a dead process are never made, and answers to it never arrive. */
  const mortal = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const member = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          if (killed) return never;
          const isWrite = writing.has(String(name)) && !isDryRun(args);
          if (isWrite) how.onWrite?.(String(name), args);
          const answer: unknown = member.apply(target, args);
          if (isWrite) {
            writes++;
            if (writes === how.afterWrite) killed = true;
            if (writes === how.stopsAfterWrite) stopped.abort(new Error('Stopped by SIGTERM.'));
          }
          return answer instanceof Promise ? answer.then((value) => (killed ? never : value)) : answer;
        };
      },
    });
  const clock = mortal<Clock>({
    now: () => world.clock.now(),
    sleep: (ms, signal) => world.clock.sleep(ms, signal),
  });
  const { registry, aws: account, fault } = world.cluster;
  const { authorize } = world;
  const honest = inProcessKubernetes(registry, { authorize });
  const server = world.reviews ? honest : { ...honest, canI: async () => true };
  const kubernetes = mortal<Kubernetes>(faultyKubernetes(server, fault, clock));
  const aws = mortal<Aws>(faultyAws((how.through ?? ((aws) => aws))(inProcessAws(account)), fault, clock));
  const outputs: Record<string, string> = {};
  const log: string[] = [];
  let summary = '';
  world.processes++;
  const given = Object.entries(operation.contract.inputs).map(([name, spec]) => [
    name,
    inputs[name] ?? defaults[name] ?? spec.default ?? '',
  ]);
  const session: Session = {
    inputs: Object.fromEntries(given),
    clock: { now: () => world.clock.now(), sleep: clock.sleep },
    signal: stopped.signal,
    kubernetes: async () => kubernetes,
    aws: async () => aws,
    credentialsLastUntil: () => world.credentialsLastUntil,
    caller: `test process ${world.processes}`,
    say: (line) => void log.push(line),
    fold: (title = '') => void log.push(`fold: ${title}`),
    warn: (line) => void log.push(`warning: ${line}`),
    output: (name, value) => {
      if (!killed) outputs[name] = value;
    },
    summary: (markdown) => {
      summary = markdown;
    },
    self: world.self ?? { hostname: 'runner', addresses: [] },
    directory: '/nowhere',
  };
  const ended = operation.run(session).then(
    () => '',
    (error: Error) => error.message,
  );
  return {
    outputs,
    log,
    writes: () => writes,
    killed: () => killed,
    summary: () => summary,
    ended,
    stop: () => stopped.abort(new Error('Stopped by SIGTERM.')),
    kill: () => {
      killed = true;
    },
  };
}

/** Runs the operation to its end. */
export async function runEngine(
  world: World,
  inputs: Record<string, string> = {},
  operation: Operation = rotateNodes,
): Promise<Engine & { failure: string }> {
  const engine = startEngine(world, inputs, {}, operation);
  return { ...engine, failure: await world.clock.run(engine.ended) };
}
