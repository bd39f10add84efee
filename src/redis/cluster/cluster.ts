import type { Pod } from '../../cluster/objects.ts';
import {
  Connections,
  ipOf,
  isServing,
  type MigrationContext,
  MigrationStopped,
  podsOf,
  waiting,
  waitPatiently,
} from '../context.ts';
import { parseInfo, parsePairs, type Replication, replicationOf } from '../info.ts';
import { ofRedisLabel, type RedisTarget } from '../settings.ts';
import { type ClusterNode, disagreements, parseClusterNodes, servesAllSlots } from './nodes.ts';
import { temporaryLabel } from './temporary-pod.ts';

/** A Redis Cluster: reads its state and speaks to its pods. Nothing is remembered between reads. */
export class RedisCluster {
  readonly target: RedisTarget;
  readonly context: MigrationContext;
  readonly connections: Connections;

  constructor(context: MigrationContext, target: RedisTarget) {
    this.context = context;
    this.target = target;
    this.connections = new Connections(context);
  }

  /** The pods of the StatefulSet. */
  async pods(): Promise<Pod[]> {
    return (await podsOf(this.context, this.target, this.target.pods)).filter(
      (p) => !p.metadata.labels?.[temporaryLabel],
    );
  }

  async temporaryPods(): Promise<Pod[]> {
    return (await podsOf(this.context, this.target, temporaryLabel)).filter(
      (p) => p.metadata.labels?.[ofRedisLabel] === this.target.name,
    );
  }

  /** Every pod that is or may become a part of the cluster and serves. */
  async all(): Promise<Pod[]> {
    return [...(await this.pods()), ...(await this.temporaryPods())].filter(isServing);
  }

  call(pod: Pod, command: string, ...args: (string | number)[]): Promise<unknown> {
    return this.connections.call(pod, this.target.port, command, ...args);
  }

  async nodes(pod: Pod): Promise<ClusterNode[]> {
    return parseClusterNodes(await this.call(pod, 'CLUSTER', 'NODES'));
  }

  async idOf(pod: Pod): Promise<string> {
    return String(await this.call(pod, 'CLUSTER', 'MYID'));
  }

  async replication(pod: Pod): Promise<Replication> {
    return replicationOf(parseInfo(await this.call(pod, 'INFO')));
  }

  /** How long nodes wait before they call another one down; most waits follow from it. */
  async nodeTimeoutMs(): Promise<number> {
    const [pod] = await this.all();
    if (!pod) throw new Error(`No pod of ${this.target.name} is ready.`);
    return Number(
      parsePairs(await this.call(pod, 'CONFIG', 'GET', 'cluster-node-timeout'))['cluster-node-timeout'] ??
        15_000,
    );
  }

  /** The node of a pod as the pod itself sees it, and the pod's id. */
  async self(pod: Pod): Promise<ClusterNode> {
    const [nodes, id] = await Promise.all([this.nodes(pod), this.idOf(pod)]);
    const found = nodes.find((n) => n.id === id);
    if (!found) throw new MigrationStopped(`${pod.metadata.name} does not list itself in CLUSTER NODES.`);
    return found;
  }

  /** Waits until all these pods tell the same healthy story and all slots are served. */
  async agree(pods: readonly Pod[], what: string): Promise<ClusterNode[]> {
    return waitPatiently(
      async () => {
        const views = await Promise.all(
          pods.map(async (pod) => ({ of: pod.metadata.name, nodes: await this.nodes(pod) })),
        );
        const wrong = disagreements(views, pods.length);
        const first = views[0]?.nodes ?? [];
        if (wrong.length === 0 && !servesAllSlots(first)) wrong.push('not all slots are served');
        const addresses = new Set(pods.map(ipOf));
        for (const node of first)
          if (!addresses.has(node.ip)) wrong.push(`${node.ip || node.id.slice(0, 8)} is no pod's address`);
        return wrong.length === 0 ? { done: first } : { waiting: wrong.slice(0, 2).join('; ') };
      },
      waiting(this.context, what, 'failover', 150),
    );
  }

  /** Waits until the pod serves: it is ready as soon as its port is open, which is before it has loaded its data. */
  async serves(pod: Pod): Promise<void> {
    await waitPatiently(
      async () => {
        await this.call(pod, 'DBSIZE');
        return { done: true };
      },
      waiting(this.context, `${pod.metadata.name} to serve`, 'pod', 100),
    );
  }

  /** Waits until the pod is a replica whose link is up and which has everything. */
  async inSync(pod: Pod): Promise<void> {
    await waitPatiently(
      async () => {
        const r = await this.replication(pod);
        if (r.role !== 'slave') return { waiting: 'it is no replica yet' };
        return r.linkUp && !r.syncing ? { done: true } : { waiting: 'it is still syncing' };
      },
      waiting(this.context, `${pod.metadata.name} to be in sync`, 'sync', 100),
    );
  }
}
