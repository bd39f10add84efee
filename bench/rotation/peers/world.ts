import type { Clock } from '../../../src/clock.ts';
import { instanceIdOf, nodeReady } from '../../../src/cluster/members.ts';
import type { Node } from '../../../src/cluster/objects.ts';
import {
  type Aws,
  type Group,
  type GroupInstance,
  type Kubernetes,
  KubernetesError,
} from '../../../src/cluster/ports.ts';
import type { Random } from '../../../src/rehearsal/world/random.ts';

/** AWS as the peers use it: some calls more than this suite makes. */
export interface PeerAws extends Aws {
  tag(group: string, tags: Record<string, string>): Promise<void>;
  untag(group: string, keys: readonly string[]): Promise<void>;
  detach(id: string): Promise<void>;
  enterStandby(ids: readonly string[]): Promise<void>;
  /** EC2's TerminateInstances, past the group. */
  terminateInEc2(id: string): Promise<void>;
}

/** What a model of a peer is handed. */
export interface PeerWorld {
  kubernetes: Kubernetes;
  aws: PeerAws;
  clock: Clock;
  random: Random;
  group: string;
  /** How many nodes at once, in the peer's own terms of it. */
  atOnce: number;
  say(line: string): void;
}

/** One peer: its name, its source, and its loop with its waits. */
export interface Peer {
  name: string;
  /** Which setting of it `atOnce` is, and what its peak follows from. */
  pace: string;
  run(world: PeerWorld): Promise<void>;
}

export async function groupOf({ aws, group }: PeerWorld): Promise<Group> {
  const [found] = await aws.groups({ names: [group] });
  if (!found) throw new Error(`There is no group ${group}.`);
  return found;
}

/** By launch template version, as every one of them decides it. */
export const isOutdated = (group: Group, instance: GroupInstance): boolean =>
  instance.template?.version !== group.target.template?.version;

export async function nodesById({ kubernetes }: PeerWorld): Promise<Map<string, Node>> {
  const nodes = (await kubernetes.list('nodes')).items;
  return new Map(nodes.map((node) => [instanceIdOf(node) ?? '', node]));
}

export const isReadyNode = (node: Node | undefined): boolean => nodeReady(node);

/** A node that is gone needs no cordon: every one of the tools goes on. */
export const cordon = (world: PeerWorld, node: string): Promise<void> =>
  patchNode(world, node, { spec: { unschedulable: true } });

export const excludeFromBalancers = (world: PeerWorld, node: string): Promise<void> =>
  patchNode(world, node, {
    metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
  });

export async function patchNode({ kubernetes }: PeerWorld, name: string, body: object): Promise<void> {
  try {
    await kubernetes.patch('nodes', { name }, { type: 'merge', body });
  } catch (error) {
    if (!(error instanceof KubernetesError && error.status === 404)) throw error;
  }
}
