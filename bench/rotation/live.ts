import { instanceIdOf, nodeReady } from '../../src/cluster/members.ts';
import { isReady } from '../../src/cluster/pods.ts';
import { createEmbeddedCluster, serveEmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import { weightlessRuntime } from '../../src/rehearsal/kubelet/runtime.ts';
import {
  account,
  cluster as clusterName,
  newImage,
  releaseNewImage,
} from '../../src/rehearsal/scenario/account.ts';
import { webWorkloads } from '../../src/rehearsal/scenario/shop.ts';
import { systemWorkloads } from '../../src/rehearsal/scenario/system.ts';
import { wallClock } from '../../src/rehearsal/world/clock.ts';
import type { Requests } from './count.ts';
import { countingRequests, runEngineProcess, type Usage } from './engine-process.ts';

/** Boot and AWS take a twentieth of their time; whatever the engine waits for by itself does not. */
const factor = 20;
const nodes = 7;

export interface Live extends Usage {
  nodes: number;
  /** Nodes that are still outdated: none, unless it failed. */
  left: number;
  kubernetes: Requests;
  aws: Requests;
}

/** A rotation of the shop's seven nodes in real time: the engine as a process of its own over HTTPS and HTTP. */
export async function measureLive(): Promise<Live> {
  const description = account();
  const counting = countingRequests();
  const cluster = createEmbeddedCluster({
    clock: wallClock,
    seed: 1,
    description,
    factor,
    runtime: weightlessRuntime,
    fault: counting.fault,
  });
  const { store, aws } = cluster;
  cluster.apply(systemWorkloads());
  await until(() => store.list('nodes').filter(nodeReady).length === nodes);
  cluster.apply(webWorkloads('http://queue'));
  await until(() => store.list('pods').length > 3 * nodes && store.list('pods').every(isReady));
  releaseNewImage(description);
  const endpoints = await serveEmbeddedCluster(cluster);
  cluster.enableFault();
  const usage = await runEngineProcess(endpoints, {
    operation: 'rotate-nodes',
    cluster: clusterName,
    validation: '{"verdict":"passed","digest":"0"}',
    baseline: 'none',
    'max-surge': '2',
    'settle-time': '1s',
  });
  const left = store
    .list('nodes')
    .filter((n) => aws.instances.get(instanceIdOf(n) ?? '')?.imageId !== newImage);
  await endpoints.close();
  await cluster.stop();
  return { ...usage, nodes, left: left.length, kubernetes: counting.kubernetes, aws: counting.aws };
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error('The shop was not ready within a minute.');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
