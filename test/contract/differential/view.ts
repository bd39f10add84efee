import type { Labels, Node } from '../../../src/cluster/objects.ts';
import type { Kubernetes } from '../../../src/cluster/ports.ts';
import type { ObjectOf } from '../../../src/cluster/resources.ts';
import type { World } from './world.ts';

const namespaced = [
  'pods',
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'poddisruptionbudgets',
  'endpointslices',
] as const;

/** Every object of a world at (almost) one moment. */
export type View = { nodes: Node[] } & { [R in (typeof namespaced)[number]]: ObjectOf[R][] };

export async function viewOf(kubernetes: Kubernetes, world: World): Promise<View> {
  const lists = namespaced.map(async (resource) => {
    const { items } = await kubernetes.list(resource, { namespace: world.name });
    return [resource, byName(items)] as const;
  });
  const nodes = await kubernetes.list('nodes', { labelSelector: `world=${world.name}` });
  return { ...Object.fromEntries(await Promise.all(lists)), nodes: byName(nodes.items) } as View;
}

function byName<T extends { metadata: { name: string } }>(items: T[]): T[] {
  return [...items].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

export const appOf = (object: { metadata: { labels?: Labels } }): string => object.metadata.labels?.app ?? '';
