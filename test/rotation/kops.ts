import type { Node, Pod } from '../../src/cluster/objects.ts';
import { isReady } from '../../src/cluster/pods.ts';
import type { AwsDescription } from '../../src/rehearsal/aws/state.ts';
import type { EmbeddedCluster } from '../../src/rehearsal/embedded-cluster.ts';
import { cluster as clusterName, oldImage } from '../../src/rehearsal/scenario/account.ts';
import { shopWorld, type World, type WorldOptions } from './world.ts';

const namespace = 'kube-system';
const label = 'node-role.kubernetes.io/control-plane';
/** What the tests say of a part; its kubelet heeds it. */
const gate = 'test/serves';
export const zones = ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'];
export const parts = ['etcd-manager-main', 'etcd-manager-events', 'kube-apiserver'];

export const groupIn = (zone: string): string => `control-plane-${zone}`;

/** A group per zone with one member, as kops makes them; workers stay what they are. */
export function withControlPlane({ groups, templates }: AwsDescription, size = 3): void {
  const templateId = 'lt-0controlplane00000';
  templates.push({
    id: templateId,
    name: 'control-plane',
    versions: [{ imageId: oldImage, instanceType: 'm5.large' }],
    defaultVersion: 1,
  });
  for (const zone of zones.slice(0, size))
    groups.push({
      name: groupIn(zone),
      min: 1,
      max: 1,
      desired: 1,
      subnets: [{ id: `subnet-control-${zone.at(-1)}`, zone, freeAddresses: 200 }],
      template: { id: templateId, version: '$Latest' },
      tags: new Map([
        [`kubernetes.io/cluster/${clusterName}`, 'owned'],
        ['k8s.io/role/control-plane', '1'],
        ['kops.k8s.io/instancegroup', groupIn(zone)],
      ]),
      targetGroups: [],
      classicLoadBalancers: [],
      hooks: [],
      labels: { [label]: '' },
      taints: [{ key: label, effect: 'NoSchedule' }],
    });
}

/** The mirror pods that the kubelet of a control-plane node puts into the API when it registers. */
export function runStaticPods({ store }: EmbeddedCluster): void {
  const start = ({ metadata }: Node) => {
    if (metadata.labels?.[label] === undefined) return;
    for (const part of parts) {
      const name = `${part}-${metadata.name}`;
      if (store.get('pods', { namespace, name })) continue;
      store.create('pods', {
        metadata: {
          name,
          namespace,
          labels: { 'k8s-app': part },
          annotations: { 'kubernetes.io/config.mirror': name },
        },
        spec: {
          nodeName: metadata.name,
          hostNetwork: true,
          priorityClassName: 'system-cluster-critical',
          containers: [{ name: part, image: part }],
          tolerations: [{ operator: 'Exists' }],
          readinessGates: [{ conditionType: gate }],
        },
        status: { conditions: [{ type: gate, status: 'True' }] },
      });
    }
  };
  for (const node of store.list('nodes')) start(node);
  store.subscribe('nodes', ({ type, object }) => {
    if (type === 'ADDED') start(object);
  });
}

/** The shop on a kops cluster: seven workers, and a control plane of three groups with a member each, all outdated. */
export async function kopsWorld(options: WorldOptions & { size?: number } = {}): Promise<World> {
  const world = await shopWorld({
    factor: 2,
    ...options,
    account: (description) => {
      withControlPlane(description, options.size);
      options.account?.(description);
    },
    released: (cluster) => {
      runStaticPods(cluster);
      options.released?.(cluster);
    },
  });
  await world.clock.advance(30_000);
  return world;
}

export const controlNodes = ({ cluster }: World): Node[] =>
  cluster.store.list('nodes').filter((n) => n.metadata.labels?.[label] !== undefined);

export const partOn = ({ cluster }: World, part: string, node: string): Pod | undefined =>
  cluster.store.get('pods', { namespace, name: `${part}-${node}` });

/** Makes one part not ready, until it is made ready again. */
export function setReady({ cluster }: World, part: string, node: string, ready: boolean): void {
  cluster.store.modify('pods', { namespace, name: `${part}-${node}` }, (draft) => {
    const condition = draft.status?.conditions?.find((c) => c.type === gate);
    if (!condition) throw new Error(`${part} on ${node} has no gate.`);
    condition.status = ready ? 'True' : 'False';
  });
}

/** Watches what etcd and the API would have noticed. */
export function witness(world: World): { fewest: () => number; order: () => string[] } {
  const { store, aws } = world.cluster;
  let fewest = Number.POSITIVE_INFINITY;
  const order: string[] = [];
  const look = () => {
    for (const part of parts) {
      const serving = store
        .list('pods', { namespace, labelSelector: `k8s-app=${part}` })
        .filter(
          (p) =>
            isReady(p) &&
            [...aws.instances.values()].some(
              (i) => i.privateDnsName === p.spec.nodeName && i.ec2 === 'running',
            ),
        );
      fewest = Math.min(fewest, serving.length);
    }
    for (const { lifecycle, group } of aws.instances.values())
      if (lifecycle.startsWith('Terminat') && !order.includes(group)) order.push(group);
  };
  store.subscribe('pods', look);
  store.subscribe('leases', look);
  return { fewest: () => fewest, order: () => order };
}
