import { serveEmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import { countingRequests, runEngineProcess, type Usage } from './engine-process.ts';
import { groupName, setStage } from './stage.ts';

/** The plan of a large cluster in real time: the engine as a process of its own, over HTTPS, against the served stage. */
export async function measurePlan(
  nodes: number,
  podsPerNode: number,
): Promise<Usage & { pods: number; kubernetesRequests: number; awsRequests: number }> {
  const counting = countingRequests();
  const { cluster } = await setStage({ nodes, podsPerNode, seed: 1, requests: counting.fault });
  const endpoints = await serveEmbeddedCluster(cluster);
  const usage = await runEngineProcess(endpoints, {
    operation: 'rotate-nodes',
    phase: 'plan',
    cluster: groupName,
    groups: groupName,
    'max-surge': '10%',
  });
  await endpoints.close();
  await cluster.stop();
  return {
    ...usage,
    pods: cluster.store.list('pods').length,
    kubernetesRequests: counting.kubernetes.total,
    awsRequests: counting.aws.total,
  };
}
