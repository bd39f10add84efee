import type { Member } from '../cluster/members.ts';
import { nodeReady } from '../cluster/members.ts';
import { matchesTerm } from '../cluster/node-selection.ts';
import type { Node, PersistentVolume, Pod } from '../cluster/objects.ts';
import { podName } from '../cluster/pods.ts';
import { claimNamesOf } from '../cluster/volumes.ts';
import type { Context } from './context.ts';
import { staysBecause } from './drain.ts';

/** Where this process runs, as the machine itself knows it. */
export interface Self {
  hostname: string;
  addresses: readonly string[];
}

/** The node that carries the pod we run in: a self-hosted runner in the cluster it rolls. Undefined anywhere else. */
export function ownNodeOf(self: Self, pods: readonly Pod[]): string | undefined {
  const own = pods.find(
    ({ metadata, status }) =>
      metadata.name === self.hostname && status?.podIP !== undefined && self.addresses.includes(status.podIP),
  );
  return own?.spec.nodeName;
}

/** Members that must not leave now are counted and not chosen: they come when what holds them has changed. */
export const withhold = (members: readonly Member[], held: ReadonlyMap<string, string>): Member[] =>
  members.map((m) => (held.has(m.instanceId) ? { ...m, state: 'joining' } : m));

/**
 * Outdated members whose volumes could follow to no other node that is ready, by instance id, with the reason: a pod with a
 * volume of one zone waits for ever when the last node there leaves
 * (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#node-affinity).
 */
export function boundByVolumes(
  members: readonly Member[],
  nodes: readonly Node[],
  volumesOn: (node: Node) => { pod: Pod; volume: PersistentVolume }[],
): Map<string, string> {
  const held = new Map<string, string>();
  const outdated = members.filter((m) => m.state === 'outdated');
  for (const { instanceId, node } of outdated) {
    if (!node) continue;
    const others = nodes.filter(
      (n) => n.metadata.name !== node.metadata.name && nodeReady(n) && !n.spec.unschedulable,
    );
    const bound = volumesOn(node).find(({ volume }) => !others.some((other) => reaches(volume, other)));
    if (!bound) continue;
    const { pod, volume } = bound;
    held.set(instanceId, `volume ${volume.metadata.name} of pod ${podName(pod)} can follow to no other node`);
  }
  return held;
}

function reaches(volume: PersistentVolume, node: Node): boolean {
  const terms = volume.spec.nodeAffinity?.required?.nodeSelectorTerms;
  return !terms || terms.some((term) => matchesTerm(term, node));
}

/** What `boundByVolumes` needs, of these members. */
export async function heldByVolumes(
  { kubernetes }: Pick<Context, 'kubernetes'>,
  members: readonly Member[],
): Promise<Map<string, string>> {
  const [nodes, pods, claims, volumes] = await Promise.all([
    kubernetes.list('nodes'),
    kubernetes.list('pods'),
    kubernetes.list('persistentvolumeclaims'),
    kubernetes.list('persistentvolumes'),
  ]);
  const volumeOf = new Map(volumes.items.map((v) => [v.metadata.name, v]));
  const claimed = new Map(
    claims.items.map((c) => [
      `${c.metadata.namespace}/${c.metadata.name}`,
      volumeOf.get(c.spec.volumeName ?? ''),
    ]),
  );
  const byNode = Map.groupBy(pods.items, (p) => p.spec.nodeName ?? '');
  return boundByVolumes(members, nodes.items, (node) =>
    (byNode.get(node.metadata.name) ?? [])
      .filter((pod) => !staysBecause(pod))
      .flatMap((pod) =>
        claimNamesOf(pod).flatMap((name) => {
          const volume = claimed.get(`${pod.metadata.namespace}/${name}`);
          return volume ? [{ pod, volume }] : [];
        }),
      ),
  );
}
