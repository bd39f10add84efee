import type { Policy } from '../aws/rights.ts';
import { shippedPolicy } from './aws/policy.ts';
import { awsEnvironment, startAwsServer } from './aws/server.ts';
import type { AwsDescription } from './aws/state.ts';
import { AwsWorld } from './aws/world.ts';
import type { Cluster, Endpoints } from './cluster.ts';
import { startControllers } from './controllers/controllers.ts';
import { startServiceBalancers } from './controllers/service-balancers.ts';
import type { Fault } from './faults/fault.ts';
import { FaultAtWork } from './faulty/at-work.ts';
import { createMachineRoom } from './kubelet/machine-room.ts';
import type { Runtime } from './kubelet/runtime.ts';
import { authorizer, shippedRoles } from './kubernetes/authorization.ts';
import { createStore } from './kubernetes/memory-store.ts';
import { Registry } from './kubernetes/registry.ts';
import { startApiServer } from './kubernetes/server.ts';
import type { Store } from './kubernetes/store.ts';
import { startScheduler } from './scheduler/scheduler.ts';
import type { WorldClock } from './world/clock.ts';
import type { Cloud, MachineRoom } from './world/machine.ts';
import { Random } from './world/random.ts';

export interface EmbeddedClusterOptions {
  clock: WorldClock;
  seed: number;
  description: AwsDescription;
  /** Boot and AWS durations are divided by this. */
  factor: number;
  runtime: (store: Store) => Runtime;
  fault?: Fault | undefined;
  /** What callers of AWS may do; without it what the policy of the docs gives them. */
  policy?: Policy | undefined;
  /** From power on to the kubelet's first word, before the factor. */
  bootMs?: { from: number; to: number };
}

/** A whole cluster in this process: objects, controllers, scheduler, machines, and the account that they run in. */
export interface EmbeddedCluster extends Cluster {
  store: Store;
  registry: Registry;
}

const usualBootMs = { from: 30_000, to: 60_000 };

export function createEmbeddedCluster(options: EmbeddedClusterOptions): EmbeddedCluster {
  const { clock, factor, seed, bootMs = usualBootMs } = options;
  const random = new Random(seed);
  const store = createStore({ clock, random: random.fork() });
  const fault = new FaultAtWork(options.fault, { seed, factor });
  const boots = random.fork();
  const machines = createMachineRoom({
    store,
    clock,
    random: random.fork(),
    runtime: options.runtime(store),
    bootMs: (machine) => boots.between(bootMs.from, bootMs.to) / factor + fault.bootDelayMs(machine),
    startDelayMs: (pod) => fault.startDelayMs(pod),
    neverJoins: (machine) => fault.neverJoins(machine),
  });
  // Controllers ask the account whether an instance exists, and the account boots machines: each needs the other.
  const cloud = lateCloud();
  const minor = Number(options.description.version.split('.')[1]);
  const controllers = startControllers({ store, clock, random: random.fork(), cloud, minor });
  const scheduler = startScheduler({ store, clock, random: random.fork() });
  const room: MachineRoom = machines;
  const aws = new AwsWorld({
    clock,
    random: random.fork(),
    machineRoom: room,
    description: options.description,
    factor,
    policy: options.policy ?? shippedPolicy(options.description.cluster),
    launchFailure: (group, zone, type) => fault.launchFailure(group, zone, type),
  });
  cloud.connect(aws);
  const stopBalancers = startServiceBalancers({ store, clock, balancing: aws.balancing });
  const cluster: EmbeddedCluster = {
    clock,
    random,
    fault,
    store,
    registry: new Registry(store, clock),
    aws,
    machines,
    enableFault: () => fault.begin(cluster),
    async apply(manifests) {
      const registry = new Registry(store, clock);
      for (const { resource, object } of manifests) registry.create(resource, object as never);
    },
    async stop() {
      aws.stop();
      stopBalancers();
      scheduler.stop();
      controllers.stop();
      await machines.stop();
    },
  };
  return cluster;
}

function lateCloud(): Cloud & { connect(cloud: Cloud): void } {
  let real: Cloud | undefined;
  const waiting: ((id: string) => void)[] = [];
  return {
    instanceExists: (id) => real?.instanceExists(id) ?? true,
    onGone: (listener) => void waiting.push(listener),
    connect(cloud) {
      real = cloud;
      for (const listener of waiting) cloud.onGone(listener);
    },
  };
}

/** Serves the cluster over HTTPS and its account over HTTP, for programs that know nothing of the rehearsal. */
export async function serveEmbeddedCluster(cluster: EmbeddedCluster): Promise<Endpoints> {
  const { fault } = cluster;
  const api = await startApiServer({
    registry: cluster.registry,
    portForward: (pod, port) => cluster.machines.portForward(pod, port),
    intercept: (request) => fault.kubernetes(request),
    watchMs: () => fault.watchMs(),
    authenticate: (token) => (token.startsWith('k8s-aws-v1.') ? 'eks-rolling' : undefined),
    authorize: authorizer(shippedRoles()),
  });
  const aws = await startAwsServer({
    world: cluster.aws,
    cluster: () => ({ endpoint: api.url, certificate: api.caCertificate }),
    intercept: (call) => fault.aws(call),
    staleMs: (call) => fault.staleMs(call),
  });
  return {
    api: { url: api.url, kubeconfig: () => api.kubeconfig(cluster.aws.description.cluster) },
    aws,
    environment: awsEnvironment(aws.url, cluster.aws.description.region),
    async close() {
      aws.close();
      await api.close();
    },
  };
}
