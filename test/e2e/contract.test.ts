import { afterAll, beforeAll, describe } from '@jest/globals';
import { nodeReady } from '../../src/cluster/members.ts';
import { processRuntime } from '../../src/rehearsal/kubelet/process-runtime.ts';
import { eventually } from '../contract/eventually.ts';
import { overHttps } from '../contract/https.ts';
import { subjects } from '../contract/suite/index.ts';
import type { Target } from '../contract/target.ts';
import { emptyCluster, release } from './cluster.ts';

async function realTarget(): Promise<Target> {
  const ended = new AbortController();
  const { cluster, kubeconfig, boot, halt, close } = await emptyCluster((directory) =>
    processRuntime({ directory, discovery: () => [], network: '10.200' }),
  );
  const ids = new Map<string, string>();
  const joined = (name: string): boolean => {
    const node = cluster.store.get('nodes', { name });
    return (
      node !== undefined &&
      nodeReady(node) &&
      !node.spec.taints?.some((t) => t.key === 'node.kubernetes.io/not-ready')
    );
  };
  return {
    name: `Kubernetes ${release.kubernetes}`,
    ...overHttps(kubeconfig, ended.signal),
    async boot({ zone, labels = {}, taints = [], pods = '110', cpu = '8' }) {
      const instanceId = `i-${cluster.random.hex(17)}`;
      const privateIp = `10.0.${Math.floor(ids.size / 250)}.${1 + (ids.size % 250)}`;
      const name = `ip-${privateIp.replaceAll('.', '-')}.eu-west-1.compute.internal`;
      ids.set(name, instanceId);
      boot({
        instanceId,
        zone,
        region: 'eu-west-1',
        group: 'contract',
        imageId: 'ami-1',
        instanceType: 'm5.large',
        privateDnsName: name,
        privateIp,
        allocatable: { cpu, memory: '32Gi', pods },
        labels,
        taints,
      });
      await eventually(`node ${name} is Ready`, () => joined(name), 30_000);
      return name;
    },
    async halt(name, options = {}) {
      halt(ids.get(name) ?? '', options.gone ?? false);
    },
    web: { image: 'web', port: 8080 },
    limits: { soonMs: 30_000, unreachableMs: 40_000, podGarbageMs: 90_000 },
    async close() {
      ended.abort();
      await close();
    },
  };
}

let target: Target;
beforeAll(async () => {
  target = await realTarget();
});
afterAll(() => target.close());

describe(`Kubernetes ${release.kubernetes}`, () => {
  for (const declare of subjects) declare(() => target);
});
