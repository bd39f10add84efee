import { afterAll, beforeAll, describe } from '@jest/globals';
import { nodeReady } from '../../src/cluster/members.ts';
import { processRuntime } from '../../src/rehearsal/kubelet/process-runtime.ts';
import { eventually } from '../contract/eventually.ts';
import { overHttps } from '../contract/https.ts';
import { machineFor } from '../contract/machines.ts';
import { subjects } from '../contract/suite/index.ts';
import type { Target } from '../contract/target.ts';
import { emptyCluster, release } from './cluster.ts';

async function realTarget(): Promise<Target> {
  const ended = new AbortController();
  const { cluster, kubeconfig, boot, halt, close } = await emptyCluster((place) =>
    processRuntime({ ...place, discovery: () => [] }),
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
    async boot(options) {
      const machine = machineFor(ids.size, `i-${cluster.random.hex(17)}`, options);
      const name = machine.privateDnsName;
      ids.set(name, machine.instanceId);
      boot(machine);
      await eventually(`node ${name} is Ready`, () => joined(name), 60_000);
      return name;
    },
    async halt(name, options = {}) {
      halt(ids.get(name) ?? '', options.gone ?? false);
    },
    web: { image: 'web', port: 8080 },
    limits: { soonMs: 60_000, unreachableMs: 100_000, podGarbageMs: 120_000 },
    async forgetHistory() {
      // Only what lies before the newest revision is forgotten.
      const ref = { namespace: 'default', name: 'newer' };
      await cluster.kubernetes.create('configmaps', { metadata: ref });
      await cluster.kubernetes.remove('configmaps', ref);
      await cluster.controlPlane.forgetHistory();
    },
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
