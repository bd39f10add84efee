import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instanceIdOf, nodeReady } from '../../cluster/members.ts';
import { isReady } from '../../cluster/pods.ts';
import type { AwsDescription } from '../aws/state.ts';
import { startBalancer } from '../balancer/balancer.ts';
import type { Cluster, Endpoints } from '../cluster.ts';
import { obtainBinaries } from '../control-plane/binaries.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { usedRights } from '../control-plane/rights.ts';
import { createEmbeddedCluster, serveEmbeddedCluster } from '../embedded-cluster.ts';
import { processRuntime } from '../kubelet/process-runtime.ts';
import type { Objects } from '../kubernetes/store.ts';
import { startRealCluster } from '../real-cluster.ts';
import { account, newImage, releaseNewImage } from '../scenario/account.ts';
import { crowdAccount, crowdWorkloads } from '../scenario/crowd.ts';
import {
  catalogWorkloads,
  clusterWorkloads,
  sentinelWorkloads,
  shop,
  webWorkloads,
} from '../scenario/shop.ts';
import { systemWorkloads } from '../scenario/system.ts';
import type { Timeline } from '../timeline/events.ts';
import { observe } from '../timeline/observe.ts';
import type { WitnessReport } from '../witnesses/report.ts';
import { Witnesses } from '../witnesses/witnesses.ts';
import { wallClock } from '../world/clock.ts';
import { claimNetwork } from '../world/network.ts';
import { podDiscovery, serveDiscovery } from './discovery.ts';
import type { RehearseOptions } from './options.ts';
import { kubectlLines, redisCliLines } from './real-clients.ts';
import { formRedisCluster } from './redis-cluster.ts';
import type { Line } from './verdict.ts';

/** Boot takes two to three seconds instead of a minute. */
const factor = 20;
const setUpLimitMs = { shop: 180_000, crowd: 900_000 };
const balancerLearnsMs = 3200;

type At = (labels: string, port: number) => string;
const redisWitness = {
  sentinel: (at: At) => ({
    name: 'redis-cache',
    kind: 'sentinel' as const,
    master: 'mymaster',
    discovery: at('app=redis-sentinel', 26379),
  }),
  cluster: (at: At) => ({
    name: 'redis-cluster',
    kind: 'cluster' as const,
    discovery: at('app=redis-cluster', 6379),
  }),
};
const redisWorkloads = { sentinel: sentinelWorkloads, cluster: clusterWorkloads };

/** Everything the rehearsal needs, up and under traffic. */
export interface Stage {
  cluster: Cluster;
  endpoints: Endpoints;
  witnesses: Witnesses;
  targets: { name: string; url: string }[];
  latest(): WitnessReport | undefined;
  outdatedNodes(): string[];
  /** What clients that are not ours say at the end. */
  secondOpinion(): Promise<Line[]>;
  /** On a real control plane: the rights that the suite has used. */
  usedRights(): Set<string>;
  close(): Promise<void>;
}

/** Starts cluster, shop, balancers and witnesses, waits until all is well, and releases the new image. */
export async function setTheStage(
  options: RehearseOptions,
  redisServer: string | undefined,
  timeline: Timeline,
  say: (line: string) => void,
): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const cleanUp = () => rmSync(directory, { recursive: true, force: true });
  process.on('exit', cleanUp);
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const { crowd } = options;
  const nodes = crowd?.nodes ?? 7;
  const description = crowd ? crowdAccount(crowd) : account();
  options.fault?.account?.(description);
  let latest: WitnessReport | undefined;
  const witnesses = await Witnesses.start({ everyMs: 100, workMs: 150 }, (report) => {
    latest = report;
  });
  const { cluster, endpoints, real } = await startCluster(options, description, directory, redisServer, say);
  const { store } = cluster;
  const discovery = await serveDiscovery(podDiscovery(store));

  await cluster.apply(systemWorkloads());
  const limitMs = setUpLimitMs[crowd ? 'crowd' : 'shop'];
  await until(() => allReady(cluster, nodes), limitMs, `${nodes} nodes to be ready`);
  const manifests = crowd
    ? crowdWorkloads(crowd, witnesses.queueUrl)
    : [
        ...webWorkloads(witnesses.queueUrl),
        ...catalogWorkloads(),
        ...options.redis.flatMap((topology) => redisWorkloads[topology]()),
      ];
  await cluster.apply(options.fault?.manifests?.(manifests) ?? manifests);
  await until(() => allReady(cluster, nodes), limitMs, 'all pods to be ready');
  say(
    `${nodes} nodes run ${store.list('pods').length} pods${crowd ? `, ${crowd.serving} of them serve as processes` : ''}.`,
  );
  if (options.redis.includes('cluster')) {
    const pods = store.list('pods', { namespace: shop, labelSelector: 'app=redis-cluster' });
    await formRedisCluster(pods.map((p) => p.status?.podIP ?? ''));
    say('The Redis Cluster has formed.');
  }
  const balancers = await Promise.all(
    (crowd ? ['web', 'api', 'checkout'] : ['web', 'checkout']).map(async (service) => ({
      service,
      ...(await startBalancer({
        store,
        clock: wallClock,
        random: cluster.random.fork(),
        namespace: shop,
        service,
      })),
    })),
  );
  await new Promise((resolve) => setTimeout(resolve, balancerLearnsMs));
  const targets = balancers.map(({ service, url }) => ({ name: service, url: `${url}/` }));
  const at: At = (labels, port) => `${discovery.url}/${shop}/${encodeURIComponent(labels)}/${port}`;
  const writing = { writers: 4, batch: 5, pauseMs: 15 };
  witnesses.begin({
    http: targets.map((t) => ({ ...t, perSecond: t.name === 'web' ? 100 : 20 })),
    redis: options.redis.map((topology) => ({ ...redisWitness[topology](at), ...writing })),
  });
  releaseNewImage(description);
  observe(
    store,
    timeline,
    {
      groupOf: (node) => node.metadata.labels?.role ?? '',
      isOutdated: (node) => cluster.aws.instances.get(instanceIdOf(node) ?? '')?.imageId !== newImage,
    },
    shop,
  );
  cluster.enableFault();
  say('A new image is released: every node is outdated.');

  return {
    cluster,
    endpoints,
    witnesses,
    targets,
    latest: () => latest,
    outdatedNodes: () =>
      store
        .list('nodes')
        .filter((n) => cluster.aws.instances.get(instanceIdOf(n) ?? '')?.imageId !== newImage)
        .map((n) => n.metadata.name),
    secondOpinion: async () => [
      ...(await redisCliLines(cluster, options.redis)),
      ...(real ? await kubectlLines(real.kubectl, real.controlPlane.kubeconfig) : []),
    ],
    usedRights: () => usedRights(real?.controlPlane.auditLog() ?? ''),
    async close() {
      witnesses.kill();
      await Promise.all(balancers.map((balancer) => balancer.close()));
      discovery.close();
      await endpoints.close();
      await cluster.stop();
      cleanUp();
      process.off('exit', cleanUp);
    },
  };
}

interface Real {
  kubectl: string;
  controlPlane: ControlPlane;
}

/** The embedded cluster, or one with a real control plane. */
async function startCluster(
  { seed, fault, real }: RehearseOptions,
  description: AwsDescription,
  directory: string,
  redisServer: string | undefined,
  say: (line: string) => void,
): Promise<{ cluster: Cluster; endpoints: Endpoints; real?: Real }> {
  // Pods of a real control plane need addresses that are not loopback; those are local in its namespace.
  const { prefix: network } = await claimNetwork(real ? 10 : 127);
  const runtime = (store: Objects, nameserver?: string) =>
    processRuntime({
      directory,
      discovery: podDiscovery(store),
      network,
      ...(redisServer ? { redisServer } : {}),
      ...(nameserver ? { nameserver } : {}),
    });
  const common = { seed, description, factor, fault, runtime };
  if (real) {
    const binaries = await obtainBinaries(real, process.env, say);
    const { cluster, endpoints } = await startRealCluster({
      ...common,
      binaries,
      directory,
      network,
      say,
    });
    return { cluster, endpoints, real: { kubectl: binaries.kubectl, controlPlane: cluster.controlPlane } };
  }
  const cluster = createEmbeddedCluster({ ...common, clock: wallClock });
  return { cluster, endpoints: await serveEmbeddedCluster(cluster) };
}

function allReady({ store }: Cluster, nodes: number): boolean {
  const pods = store.list('pods');
  const wanted = [...store.list('deployments'), ...store.list('statefulsets')].reduce(
    (sum, w) => sum + (w.spec.replicas ?? 1),
    0,
  );
  const daemons = store.list('daemonsets').length * nodes;
  return (
    store.list('nodes').filter(nodeReady).length >= nodes &&
    pods.length >= wanted + daemons &&
    pods.every(isReady)
  );
}

async function until(holds: () => boolean, limitMs: number, what: string): Promise<void> {
  const end = Date.now() + limitMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`Waited ${limitMs / 1000} s for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
