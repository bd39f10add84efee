import type { Pod } from '../../cluster/objects.ts';
import { Connections, ipOf, isServing, type MigrationContext, podsOf } from '../context.ts';
import { parseInfo, parsePairs, type Replication, replicationOf } from '../info.ts';
import type { RedisTarget } from '../settings.ts';

export interface DataPod {
  pod: Pod;
  replication: Replication;
}

/** What one Sentinel says about the master and its replicas. */
export interface Opinion {
  sentinel: Pod;
  master: string;
  flags: string;
  epoch: string;
  downAfterMs: number;
  replicas: Record<string, string>[];
  /** Addresses of the other Sentinels it knows. */
  peers: string[];
  quorate: boolean;
}

/** A Sentinel-guarded set: reads its state and speaks to its members. Nothing is remembered between reads. */
export class SentinelSet {
  readonly target: RedisTarget;
  readonly context: MigrationContext;
  readonly connections: Connections;

  constructor(context: MigrationContext, target: RedisTarget) {
    this.context = context;
    this.target = target;
    this.connections = new Connections(context);
  }

  dataPods(): Promise<Pod[]> {
    return podsOf(this.context, this.target, this.target.pods);
  }

  sentinelPods(): Promise<Pod[]> {
    return podsOf(this.context, this.target, this.target.sentinels);
  }

  async replication(pod: Pod): Promise<Replication> {
    return replicationOf(parseInfo(await this.data(pod, 'INFO')));
  }

  /** The serving data pods with their roles. */
  async members(): Promise<DataPod[]> {
    const pods = (await this.dataPods()).filter(isServing);
    return Promise.all(pods.map(async (pod) => ({ pod, replication: await this.replication(pod) })));
  }

  data(pod: Pod, command: string, ...args: (string | number)[]): Promise<unknown> {
    return this.connections.call(pod, this.target.port, command, ...args);
  }

  sentinel(pod: Pod, command: string, ...args: (string | number)[]): Promise<unknown> {
    return this.connections.call(pod, this.target.sentinelPort, 'SENTINEL', command, ...args);
  }

  async opinion(sentinel: Pod): Promise<Opinion> {
    const { master } = this.target;
    const [about, replicas, peers] = await Promise.all([
      this.sentinel(sentinel, 'MASTER', master),
      this.sentinel(sentinel, 'REPLICAS', master),
      this.sentinel(sentinel, 'SENTINELS', master),
    ]);
    const facts = parsePairs(about);
    const lists = (answer: unknown): Record<string, string>[] =>
      Array.isArray(answer) ? answer.map(parsePairs) : [];
    const quorate = await this.sentinel(sentinel, 'CKQUORUM', master).then(
      () => true,
      () => false,
    );
    return {
      sentinel,
      master: facts.ip ?? '',
      flags: facts.flags ?? '',
      epoch: facts['config-epoch'] ?? '',
      downAfterMs: Number(facts['down-after-milliseconds'] ?? 30_000),
      replicas: lists(replicas),
      peers: lists(peers).map((p) => p.ip ?? ''),
      quorate,
    };
  }

  async opinions(): Promise<Opinion[]> {
    const pods = (await this.sentinelPods()).filter(isServing);
    return Promise.all(pods.map((pod) => this.opinion(pod)));
  }

  /**
   * The address that each Sentinel gives to clients. During a failover this is the new master as soon as it is promoted,
   * long before SENTINEL MASTER says so.
   */
  async named(): Promise<string[]> {
    const pods = (await this.sentinelPods()).filter(isServing);
    const answers = await Promise.all(
      pods.map((pod) => this.sentinel(pod, 'GET-MASTER-ADDR-BY-NAME', this.target.master)),
    );
    return answers.map((answer) => (Array.isArray(answer) ? String(answer[0]) : ''));
  }

  async look(): Promise<Snapshot> {
    const [data, members, sentinels, opinions] = await Promise.all([
      this.dataPods(),
      this.members(),
      this.sentinelPods(),
      this.opinions(),
    ]);
    return { data, members, sentinels, opinions };
  }
}

/** The whole set at one moment. */
export interface Snapshot {
  data: Pod[];
  /** Those of the data pods that serve. */
  members: DataPod[];
  sentinels: Pod[];
  opinions: Opinion[];
}

export const mastersOf = ({ members }: Pick<Snapshot, 'members'>): DataPod[] =>
  members.filter((m) => m.replication.role === 'master');

/** What disturbs the set, in plain words; none means that every pod is there and every Sentinel agrees on the one master. */
export function disturbances(snapshot: Snapshot): string[] {
  const { data, members, sentinels, opinions } = snapshot;
  const masters = mastersOf(snapshot);
  const [master] = masters;
  const found: string[] = [];
  if (masters.length !== 1)
    found.push(
      `${masters.length} pods are masters (${masters.map((m) => m.pod.metadata.name).join(', ') || 'none'})`,
    );
  for (const pod of data)
    if (!members.some((m) => m.pod.metadata.uid === pod.metadata.uid))
      found.push(`${pod.metadata.name} is not ready`);
  if (opinions.length < sentinels.length)
    found.push(`${opinions.length} of ${sentinels.length} Sentinels are ready`);
  for (const o of opinions) {
    const name = o.sentinel.metadata.name;
    if (master && o.master !== ipOf(master.pod)) found.push(`${name} says that the master is ${o.master}`);
    if (o.flags !== 'master') found.push(`${name} sees the master as ${o.flags}`);
    if (!o.quorate) found.push(`${name} has no quorum`);
  }
  if (new Set(opinions.map((o) => o.epoch)).size > 1)
    found.push('the Sentinels have different configuration epochs');
  return found;
}

/** Why the replicas are not all in sync with the one master; none means that each could take over. */
export function lagging(snapshot: Snapshot): string[] {
  const { data, members } = snapshot;
  const [master, second] = mastersOf(snapshot);
  if (!master || second) return [master ? 'there are several masters' : 'there is no master'];
  const late = members.flatMap((m) => (m === master ? [] : (notInSync(m, master) ?? [])));
  const missing = data.length - members.length;
  if (missing > 0) late.push(`${missing} pods are not ready`);
  const { onlineReplicas } = master.replication;
  if (late.length === 0 && onlineReplicas < members.length - 1)
    late.push(`${master.pod.metadata.name} sees ${onlineReplicas} of ${members.length - 1} replicas online`);
  return late;
}

/** Why a replica is not in sync with this master; undefined when it is. */
export function notInSync(member: DataPod, master: DataPod): string | undefined {
  const { replication } = member;
  const name = member.pod.metadata.name;
  if (replication.role !== 'slave') return `${name} is not a replica`;
  if (replication.masterHost !== ipOf(master.pod)) return `${name} follows ${replication.masterHost}`;
  if (!replication.linkUp || replication.syncing) return `${name} is still syncing`;
  return undefined;
}
