import { nodeReady } from '../../src/cluster/members.ts';
import type { Pod } from '../../src/cluster/objects.ts';
import { isReady } from '../../src/cluster/pods.ts';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import { createEmbeddedCluster, type EmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import type { Runtime } from '../../src/rehearsal/kubelet/runtime.ts';
import { newImage, oldImage, releaseNewImage } from '../../src/rehearsal/scenario/account.ts';
import {
  budget,
  daemonSet,
  deployment,
  type Manifest,
  service,
  type WorkloadOptions,
} from '../../src/rehearsal/scenario/objects.ts';
import { VirtualClock, type WorldClock } from '../../src/rehearsal/world/clock.ts';

export const groupName = 'bench';
const region = 'eu-west-1';
const zones = ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'];

/** From the launch to the kubelet's first word it is 60 to 120 s: AWS takes 20 s of them. */
const bootMs = { from: 40_000, to: 100_000 };
/** What every pod of the bench does: its image is pulled and it starts, and it serves on for a while after it was told to go. */
export const podTimes = { startMs: 4000, lingerMs: 5000, stopMs: 1000 };
/** What EC2 takes to shut an instance down. */
export const shutDownMs = 40_000;

export interface StageOptions {
  nodes: number;
  podsPerNode: number;
  seed: number;
  /** Sees what the endpoints are asked, when the stage is served. */
  requests?: Pick<Fault, 'kubernetes' | 'aws'>;
}

/** One group of outdated nodes, full of replicated services, on a virtual clock. */
export interface Stage {
  clock: VirtualClock;
  cluster: EmbeddedCluster;
  nodes: number;
  /** The workloads' pods, DaemonSets aside. */
  pods: number;
}

/** Two DaemonSets run on every node besides. */
const daemonSets = 2;

/** Builds the stage and waits until everything serves; every node is outdated from then on. */
export async function setStage({ nodes, podsPerNode, seed, requests = {} }: StageOptions): Promise<Stage> {
  const clock = new VirtualClock();
  const description = account(nodes);
  const fault: Fault = {
    name: 'start',
    what: 'pods take their usual time to start',
    startDelayMs: () => podTimes.startMs,
    ...requests,
    explained: { byWords: [], conclusion: 'success' },
  };
  const cluster = createEmbeddedCluster({
    clock,
    seed,
    description,
    factor: 1,
    runtime: () => servingRuntime(clock),
    fault,
    bootMs,
  });
  cluster.apply(system());
  await until(clock, () => cluster.store.list('nodes').filter(nodeReady).length === nodes, 'the nodes');
  const pods = nodes * (podsPerNode - daemonSets);
  cluster.apply(workloads(pods));
  const all = pods + nodes * daemonSets;
  await until(
    clock,
    () => {
      const present = cluster.store.list('pods');
      return present.length === all && present.every(isReady);
    },
    'the pods',
  );
  cluster.enableFault();
  releaseNewImage(description);
  return { clock, cluster, nodes, pods };
}

async function until(clock: VirtualClock, holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 120; i++) {
    if (holds()) return;
    await clock.advance(5000);
  }
  throw new Error(`The stage waited ten minutes for ${what}.`);
}

function account(nodes: number): AwsDescription {
  const template = 'lt-0bench0000000000000';
  return {
    region,
    accountId: '123456789012',
    cluster: groupName,
    version: '1.36',
    recommendedImage: newImage,
    images: [
      { id: oldImage, name: 'amazon-eks-node-al2023-1.36-v20260801', createdAt: Date.UTC(2026, 7, 1) },
      { id: newImage, name: 'amazon-eks-node-al2023-1.36-v20261101', createdAt: Date.UTC(2026, 10, 1) },
    ],
    launchConfigurations: [],
    templates: [
      {
        id: template,
        name: groupName,
        versions: [{ imageId: oldImage, instanceType: 'm5.xlarge' }],
        defaultVersion: 1,
      },
    ],
    groups: [
      {
        name: groupName,
        min: nodes,
        max: 3 * nodes,
        desired: nodes,
        subnets: zones.map((zone) => ({ id: `subnet-${zone.at(-1)}`, zone, freeAddresses: 4000 })),
        template: { id: template, version: '$Latest' },
        tags: new Map([[`kubernetes.io/cluster/${groupName}`, 'owned']]),
        targetGroups: [],
        classicLoadBalancers: [],
        hooks: [],
        labels: { role: 'bench' },
        taints: [],
      },
    ],
  };
}

const system = (): Manifest[] => [
  ...['aws-node', 'kube-proxy'].map((name) =>
    daemonSet({
      namespace: 'kube-system',
      name,
      image: name,
      cpu: '50m',
      memory: '64Mi',
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
    }),
  ),
];

/** Replicas of one service after the other, again and again; single ones have no budget, the others lose one in five at most. */
const replicas = [1, 2, 3, 5, 8, 12, 20, 40];
const appsPerNamespace = 8;

export function workloads(pods: number): Manifest[] {
  const manifests: Manifest[] = [];
  let left = pods;
  for (let i = 0; left > 0; i++) {
    const namespace = `team-${Math.floor(i / appsPerNamespace)}`;
    if (i % appsPerNamespace === 0)
      manifests.push({ resource: 'namespaces', object: { metadata: { name: namespace } } });
    const count = Math.min(left, replicas[i % replicas.length] as number);
    left -= count;
    const app: WorkloadOptions = {
      namespace,
      name: `app-${i}`,
      image: 'service',
      replicas: count,
      cpu: '100m',
      memory: '128Mi',
      lingerSeconds: podTimes.lingerMs / 1000,
      graceSeconds: 30,
    };
    manifests.push(deployment(app), service({ namespace, name: app.name, port: 80 }));
    if (count > 1) manifests.push(budget(namespace, app.name, { maxUnavailable: count > 5 ? '20%' : 1 }));
  }
  return manifests;
}

/** Processes that are only moments of the virtual clock: they run until they are told to stop, and take their time for that. */
function servingRuntime(clock: WorldClock): Runtime {
  let count = 0;
  return {
    runs: () => true,
    start(_pod: Pod) {
      let exit = (_code: number) => {};
      const exited = new Promise<number>((resolve) => {
        exit = resolve;
      });
      return {
        exited,
        signal(name) {
          if (name === 'SIGKILL') exit(137);
          else clock.after(podTimes.stopMs, () => exit(0));
        },
      };
    },
    nextAddress() {
      count++;
      return `10.${64 + (Math.floor(count / 62_500) % 64)}.${Math.floor(count / 250) % 250}.${1 + (count % 250)}`;
    },
    connect: async (address, port) => {
      throw new Error(`Nothing listens on ${address}:${port}: the bench serves no bytes.`);
    },
    probe: async () => true,
    stop: async () => {},
  };
}
