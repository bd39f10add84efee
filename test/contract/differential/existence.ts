import { nodeReady } from '../../../src/cluster/members.ts';
import type { Node } from '../../../src/cluster/objects.ts';
import { service } from '../../../src/rehearsal/scenario/objects.ts';
import type { Patience } from './calm.ts';
import type { PlayedCluster } from './cluster.ts';
import type { World } from './world.ts';

/** Boots the machines of a world and, once they are ready, creates what is to run on them. */
export async function createWorld(
  { kubernetes, boot, pause }: PlayedCluster,
  world: World,
  patience: Patience,
): Promise<void> {
  await kubernetes.create('namespaces', { metadata: { name: world.name } });
  for (const machine of world.machines) await boot(machine);
  const usable = (node: Node): boolean =>
    nodeReady(node) && !(node.spec.taints ?? []).some((t) => t.key.startsWith('node.kubernetes.io/'));
  for (let waited = 0; ; waited += patience.pollMs) {
    const { items } = await kubernetes.list('nodes', { labelSelector: `world=${world.name}` });
    if (items.filter(usable).length === world.machines.length) break;
    if (waited > patience.limitMs) throw new Error(`The nodes of ${world.name} did not become ready.`);
    await pause(patience.pollMs);
  }
  for (const budget of world.budgets) await kubernetes.create('poddisruptionbudgets', budget);
  for (const { name, manifest } of world.workloads) {
    const { object } = service({ namespace: world.name, name, port: 80 });
    await kubernetes.create('services', object as never);
    await kubernetes.create(manifest.resource, manifest.object as never);
  }
}

/** Takes everything out of the cluster again, after the pods have had a minute to end by themselves. */
export async function removeWorld({ kubernetes, halt, pause }: PlayedCluster, world: World): Promise<void> {
  const namespace = world.name;
  for (const { resource, name } of world.workloads) {
    await kubernetes.remove(resource, { namespace, name });
    await kubernetes.remove('services', { namespace, name });
  }
  for (const { metadata } of world.budgets) await kubernetes.remove('poddisruptionbudgets', metadata);
  for (let i = 0; i < 60; i++) {
    if ((await kubernetes.list('pods', { namespace })).items.length === 0) break;
    await pause(1000);
  }
  for (const { instanceId, privateDnsName } of world.machines) {
    await halt(instanceId);
    await kubernetes.remove('nodes', { name: privateDnsName });
  }
  await kubernetes.remove('namespaces', { name: namespace });
}
