import { instanceIdOf } from '../../cluster/members.ts';
import { launchShape } from '../aws/launch.ts';
import type { Cluster } from '../cluster.ts';

/** The settings that a run may change for a while; taken before it and compared after it. */
export interface Settings {
  groups: Record<
    string,
    { min: number; max: number; desired: number; suspended: string; tags: string; launch: string }
  >;
  taints: string[];
  cordoned: string[];
  /** Nodes that load balancers are told to leave out, and instances that are missing in the load balancers of their group. */
  excluded: string[];
  replicas: Record<string, number>;
}

export function settingsOf({ aws, store }: Cluster): Settings {
  const groups = [...aws.groups.values()].map((g) => {
    const tags = JSON.stringify([...g.tags].sort());
    return [
      g.name,
      {
        min: g.min,
        max: g.max,
        desired: g.desired,
        suspended: [...g.suspended].sort().join(','),
        tags,
        launch: JSON.stringify(launchShape(aws, g)),
      },
    ] as const;
  });
  // One that is on its way out stays closed.
  const nodes = store
    .list('nodes')
    .filter((n) => !aws.instances.get(instanceIdOf(n) ?? '')?.lifecycle.startsWith('Terminat'));
  const workloads = [...store.list('deployments'), ...store.list('statefulsets')];
  return {
    groups: Object.fromEntries(groups),
    taints: [
      ...new Set(
        nodes.flatMap((n) =>
          (n.spec.taints ?? [])
            // The control plane's own taints follow a node's state, a moment later.
            .filter((t) => !t.key.startsWith('node.kubernetes.io/'))
            .map((t) => `${n.metadata.labels?.role}: ${t.key}=${t.value ?? ''}:${t.effect}`),
        ),
      ),
    ].sort(),
    cordoned: nodes.filter((n) => n.spec.unschedulable).map((n) => n.metadata.name),
    excluded: [
      ...nodes
        .filter((n) => n.metadata.labels?.['node.kubernetes.io/exclude-from-external-load-balancers'])
        .map((n) => n.metadata.name),
      ...[...aws.groups.values()].flatMap((g) =>
        [...g.targetGroups, ...g.classicLoadBalancers].flatMap((balancer) =>
          aws
            .membersOf(g.name)
            .filter((i) => i.lifecycle === 'InService')
            .filter((i) => ['draining', undefined].includes(aws.balancing.stateOf(balancer, i.id)))
            .map((i) => i.id),
        ),
      ),
    ],
    replicas: Object.fromEntries(
      workloads.map((w) => [`${w.metadata.namespace}/${w.metadata.name}`, w.spec.replicas ?? 1]),
    ),
  };
}

/** What is not as before, one line each. */
export function differences(before: Settings, after: Settings): string[] {
  const found: string[] = [];
  for (const [name, was] of Object.entries(before.groups)) {
    const is = after.groups[name];
    for (const key of Object.keys(was) as (keyof typeof was)[]) {
      if (is?.[key] !== was[key]) found.push(`${key} of ${name} is ${is?.[key]}, it was ${was[key]}`);
    }
  }
  if (before.taints.join() !== after.taints.join())
    found.push(
      `taints are ${after.taints.join(', ') || 'none'}, they were ${before.taints.join(', ') || 'none'}`,
    );
  if (after.cordoned.length > 0) found.push(`${after.cordoned.join(', ')} cordoned`);
  for (const node of after.excluded)
    if (!before.excluded.includes(node)) found.push(`${node} gets nothing from load balancers`);
  for (const [name, was] of Object.entries(before.replicas)) {
    if (after.replicas[name] !== was)
      found.push(`${name} has ${after.replicas[name]} replicas, it had ${was}`);
  }
  return found;
}
