import { instanceIdOf, nodeReady } from '../../src/cluster/members.ts';
import type { ConfigMap, Lease } from '../../src/cluster/objects.ts';
import { isReady } from '../../src/cluster/pods.ts';
import { createEmbeddedCluster, serveEmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import { weightlessRuntime } from '../../src/rehearsal/kubelet/runtime.ts';
import { differences, type Settings, settingsOf } from '../../src/rehearsal/rehearse/settings-check.ts';
import { account } from '../../src/rehearsal/scenario/account.ts';
import { budget, deployment, type Manifest } from '../../src/rehearsal/scenario/objects.ts';
import { systemWorkloads } from '../../src/rehearsal/scenario/system.ts';
import { wallClock } from '../../src/rehearsal/world/clock.ts';

const group = 'shop-general';
const nodes = 2;
/** Boot takes less than a second. */
const factor = 100;
const upWithinMs = 30_000;

/** An embedded cluster with one group of two nodes and weightless pods, served over HTTP. */
export interface SmallCluster {
  /** What a program needs in its environment to reach it. */
  environment: Record<string, string>;
  /** The launch template gets a version with this image. */
  release(image: string): void;
  /** AWS publishes an image. */
  publish(image: string): void;
  /** The image of each node. */
  images(): string[];
  settings(): Settings;
  /** Settings that are not as they were, one line each. */
  changedSince(before: Settings): string[];
  lease(): Lease | undefined;
  journal(runId: string): ConfigMap | undefined;
  /** The run id in our taints. */
  taints(): string[];
  close(): Promise<void>;
}

async function startSmallCluster(): Promise<SmallCluster> {
  const description = account();
  description.groups = description.groups
    .filter((g) => g.name === group)
    .map((g) => ({ ...g, min: nodes, max: nodes, desired: nodes, subnets: g.subnets.slice(0, nodes) }));
  const [template] = description.templates;
  const cluster = createEmbeddedCluster({
    clock: wallClock,
    seed: 1,
    description,
    factor,
    runtime: weightlessRuntime,
  });
  const addImage = (id: string) => {
    const version = 20261101 + description.images.length;
    description.images.push({
      id,
      name: `amazon-eks-node-al2023-x86_64-standard-1.36-v${version}`,
      createdAt: Date.now(),
    });
  };
  const endpoints = await serveEmbeddedCluster(cluster);
  const { store, aws } = cluster;
  const close = async () => {
    await endpoints.close();
    await cluster.stop();
  };
  await cluster.apply([...systemWorkloads().filter(isNeeded), ...shopWorkloads()]);
  const end = Date.now() + upWithinMs;
  const up = () => {
    const pods = store.list('pods');
    const wanted = store.list('deployments').reduce((sum, d) => sum + (d.spec.replicas ?? 1), 0);
    return (
      store.list('nodes').filter(nodeReady).length === nodes &&
      pods.length === wanted + nodes * store.list('daemonsets').length &&
      pods.every(isReady)
    );
  };
  while (!up()) {
    if (Date.now() > end) {
      await close();
      throw new Error(`Waited ${upWithinMs / 1000} s for ${nodes} nodes and their pods to be ready.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  return {
    environment: endpoints.environment,
    release(image) {
      if (!template) throw new Error(`${group} has no launch template.`);
      addImage(image);
      template.versions.push({ ...template.versions.at(-1), instanceType: 'm5.large', imageId: image });
      template.defaultVersion = template.versions.length;
    },
    publish(image) {
      addImage(image);
      description.recommendedImage = image;
    },
    images: () => store.list('nodes').map((n) => aws.instances.get(instanceIdOf(n) ?? '')?.imageId ?? ''),
    settings: () => settingsOf(cluster),
    changedSince: (before) => differences(before, settingsOf(cluster)),
    lease: () => store.get('leases', { namespace: 'kube-system', name: 'eks-rolling' }),
    journal: (runId) => store.get('configmaps', { namespace: 'kube-system', name: `eks-rolling-${runId}` }),
    taints: () =>
      store
        .list('nodes')
        .flatMap((n) => n.spec.taints ?? [])
        .filter((t) => t.key === 'eks-rolling')
        .map((t) => t.value ?? ''),
    close,
  };
}

/** A test on a small cluster of its own, which ends with it. */
export function onSmallCluster(test: (cluster: SmallCluster) => Promise<void>): () => Promise<void> {
  return async () => {
    const cluster = await startSmallCluster();
    await test(cluster).finally(() => cluster.close());
  };
}

/** An additional replica of a lonely Deployment would be given its time on every node. */
const isNeeded = ({ object }: Manifest): boolean => object.metadata.name !== 'metrics-server';

/** A service with four replicas, of which one at a time may be absent. */
function shopWorkloads(): Manifest[] {
  const web = { namespace: 'shop', name: 'web' };
  return [
    { resource: 'namespaces', object: { metadata: { name: 'shop' } } },
    deployment({ ...web, image: 'shop-web', replicas: 4 }),
    budget('shop', 'web', { maxUnavailable: 1 }),
  ];
}
