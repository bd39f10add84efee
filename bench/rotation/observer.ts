import { instanceIdOf, nodeReady } from '../../src/cluster/members.ts';
import type { EndpointSlice, Pod } from '../../src/cluster/objects.ts';
import { isOfDaemonSet, isReady, isTerminating } from '../../src/cluster/pods.ts';
import { newImage } from '../../src/rehearsal/scenario/account.ts';
import type { Stage } from './stage.ts';

/** What every service is asked each second. */
const requestsPerSecond = 1;
const lookMs = 1000;

/** Why a pod that had been moved already had to move again. */
export type Cause =
  /** It had been put on a node that was itself to be replaced. */
  | 'onto an old node'
  /** Its new node was taken away again. */
  | 'new node removed'
  /** It was one replica more for a while, and the ReplicaSet chose it to go. */
  | 'spare replica';

export interface Observed {
  /** Instances that EC2 has not terminated, at the most. */
  peakNodes: number;
  /** Nodes that are ready, with their DaemonSets, on instances that run: at the least. */
  fewestServing: number;
  /** Evicted or otherwise moved pods, per pod of the workloads. */
  movesPerPod: number;
  movedAgain: Record<Cause, number>;
  failedRequests: number;
  /** The services that failed any. */
  failedServices: string[];
  /** Evictions that went through. */
  evicted: number;
  /** From the launch of each new instance until its node was ready with its DaemonSets. */
  readyMs: number[];
}

/**
 * Watches a rotation from outside. A service fails requests while it has no ready endpoint, and those that go to an endpoint
 * which no longer serves and is still said to be ready: its node went away undrained.
 */
export function observe({ cluster, clock, pods: count }: Stage): { end(): Observed } {
  const { store, aws } = cluster;
  let ended = false;
  let peakNodes = 0;
  let fewestServing = Number.POSITIVE_INFINITY;
  let moves = 0;
  let evicted = 0;
  const movedAgain: Record<Cause, number> = {
    'onto an old node': 0,
    'new node removed': 0,
    'spare replica': 0,
  };
  const before = new Set(store.list('pods').map((p) => p.metadata.uid));
  const seen = new Set<string>();
  const stops: (() => void)[] = [];

  const isOld = (node: string | undefined): boolean => {
    const id = instanceIdOf(store.get('nodes', { name: node ?? '' }) ?? { metadata: { name: '' }, spec: {} });
    return id !== undefined && aws.instances.get(id)?.imageId !== newImage;
  };
  const leaves = (pod: Pod): void => {
    const uid = pod.metadata.uid ?? '';
    if (isOfDaemonSet(pod) || seen.has(uid)) return;
    seen.add(uid);
    const disrupted = pod.status?.conditions?.some((c) => c.type === 'DisruptionTarget') ?? false;
    const reason = pod.status?.conditions?.find((c) => c.type === 'DisruptionTarget')?.reason;
    if (reason === 'EvictionByEvictionAPI') evicted++;
    if (before.has(uid)) {
      moves++;
      return;
    }
    if (!pod.spec.nodeName) return;
    if (!disrupted && store.get('nodes', { name: pod.spec.nodeName })) {
      movedAgain['spare replica']++;
      return;
    }
    moves++;
    movedAgain[isOld(pod.spec.nodeName) ? 'onto an old node' : 'new node removed']++;
  };
  stops.push(
    store.subscribe('pods', ({ type, object }) => {
      if (type === 'DELETED' || isTerminating(object)) leaves(object);
    }),
  );

  // Requests.
  const slices = new Map<string, { slice: EndpointSlice; since: number; share: number }>();
  const onNode = new Map<string, Set<string>>();
  const dead = new Set<string>();
  let failedRequests = 0;
  const failedServices = new Set<string>();
  const shareOf = (slice: EndpointSlice): number => {
    const ready = slice.endpoints.filter((e) => e.conditions?.ready);
    if (ready.length === 0) return 1;
    return ready.filter((e) => dead.has(e.nodeName ?? '')).length / ready.length;
  };
  const account = (key: string): void => {
    const known = slices.get(key);
    if (!known) return;
    const failed = known.share * requestsPerSecond * ((clock.now() - known.since) / 1000);
    failedRequests += failed;
    if (failed > 0) failedServices.add(key);
  };
  const take = (slice: EndpointSlice): void => {
    const key = `${slice.metadata.namespace}/${slice.metadata.labels?.['kubernetes.io/service-name']}`;
    account(key);
    slices.set(key, { slice, since: clock.now(), share: shareOf(slice) });
    for (const { nodeName } of slice.endpoints) {
      const there = onNode.get(nodeName ?? '') ?? new Set();
      onNode.set(nodeName ?? '', there.add(key));
    }
  };
  for (const slice of store.list('endpointslices')) take(slice);
  stops.push(
    store.subscribe('endpointslices', ({ type, object }) => {
      if (!ended && type !== 'DELETED') take(object);
    }),
  );

  // Instances and their nodes.
  const launched = new Map<string, { at: number; node: string }>();
  const readyMs: number[] = [];
  const serves = (node: string): boolean => {
    const sets = store.list('daemonsets').length;
    const daemons = store
      .list('pods', { fieldSelector: `spec.nodeName=${node}` })
      .filter((p) => isOfDaemonSet(p) && isReady(p));
    return daemons.length === sets;
  };
  const look = (): void => {
    if (ended) return;
    let present = 0;
    let serving = 0;
    for (const [id, instance] of aws.instances) {
      if (instance.ec2 !== 'terminated') present++;
      const node =
        instance.ec2 === 'running' ? store.get('nodes', { name: instance.privateDnsName }) : undefined;
      if (nodeReady(node) && (instance.imageId !== newImage || launched.get(id)?.at === -1)) serving++;
      if (instance.ec2 !== 'pending' && instance.ec2 !== 'running' && !dead.has(instance.privateDnsName)) {
        dead.add(instance.privateDnsName);
        for (const key of onNode.get(instance.privateDnsName) ?? []) {
          const known = slices.get(key);
          if (known) take(known.slice);
        }
      }
      if (instance.imageId !== newImage || launched.get(id)?.at === -1) continue;
      const known = launched.get(id) ?? { at: instance.launchedAt, node: instance.privateDnsName };
      launched.set(id, known);
      if (
        instance.lifecycle === 'InService' &&
        store.get('nodes', { name: known.node }) &&
        serves(known.node)
      ) {
        readyMs.push(clock.now() - known.at);
        launched.set(id, { ...known, at: -1 });
      }
    }
    peakNodes = Math.max(peakNodes, present);
    fewestServing = Math.min(fewestServing, serving);
    clock.after(lookMs, look);
  };
  look();

  return {
    end() {
      for (const key of slices.keys()) account(key);
      ended = true;
      for (const stop of stops) stop();
      return {
        peakNodes,
        fewestServing,
        movesPerPod: moves / count,
        movedAgain,
        failedRequests,
        failedServices: [...failedServices],
        evicted,
        readyMs,
      };
    },
  };
}
