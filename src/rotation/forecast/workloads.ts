import { budgetsOf } from '../../cluster/budgets.ts';
import type { Deployment, Pod, PodDisruptionBudget, ReplicaSet, StatefulSet } from '../../cluster/objects.ts';
import { ownerOf } from '../../cluster/pods.ts';
import { claimNamesOf } from '../../cluster/volumes.ts';
import type { RotationSettings } from '../context.ts';
import { staysBecause } from '../drain.ts';
import { isCritical, leftToEnd } from '../eviction-order.ts';
import { type Prospect, prospectOf } from '../prospect.ts';
import { deploymentOf } from '../rollout.ts';
import { startMsOf } from './history.ts';

/** What the API knows of pods and what controls them. */
export interface Objects {
  pods: readonly Pod[];
  budgets: readonly PodDisruptionBudget[];
  deployments: readonly Deployment[];
  replicaSets: readonly ReplicaSet[];
  statefulSets: readonly StatefulSet[];
}

/** Pods with one controller that the same budgets hold; they start and end alike. */
export interface Workload {
  /** For people: `Deployment shop/web`, `pod shop/debug` for a bare pod. */
  name: string;
  kind: string;
  budgets: PodDisruptionBudget[];
  replicas: number;
  /** Those of its pods that are on the nodes that leave and must go, or stay on purpose. */
  pods: Pod[];
  stays: boolean;
  /** Why its pods are not evicted, but end by themselves. */
  endsItself?: string | undefined;
  critical: boolean;
  volumes: boolean;
  /** By the arithmetic of its budgets; `surge`: it gets one replica more for the time of the drain. */
  prospect: Prospect;
  startMs: number;
  leaveMs: number;
}

/** The workloads with pods on these nodes, except what belongs to every node. */
export function workloadsOn(
  nodes: ReadonlySet<string>,
  objects: Objects,
  settings: Pick<RotationSettings, 'jobs' | 'protectedPods'>,
): Workload[] {
  const leaving = new Map<string, Pod[]>();
  const all = new Map<string, Pod[]>();
  const inNamespace = new Map<string, PodDisruptionBudget[]>();
  for (const b of objects.budgets) append(inNamespace, b.metadata.namespace ?? '', b);
  const keyOf = (pod: Pod): string =>
    [
      ownerOf(pod)?.uid ?? pod.metadata.uid,
      leftToEnd(pod, settings),
      ...budgetsOf(pod, inNamespace.get(pod.metadata.namespace ?? '') ?? []).map((b) => b.metadata.name),
    ].join(' ');
  for (const pod of objects.pods) {
    const why = staysBecause(pod);
    if (why && why !== 'tolerates') continue;
    const key = keyOf(pod);
    append(all, key, pod);
    if (nodes.has(pod.spec.nodeName ?? '')) append(leaving, key, pod);
  }
  return [...leaving].map(([key, pods]) => workloadOf(pods, all.get(key) ?? [], objects, settings));
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

function workloadOf(
  pods: Pod[],
  all: readonly Pod[],
  objects: Objects,
  settings: Pick<RotationSettings, 'jobs' | 'protectedPods'>,
): Workload {
  const [pod] = pods as [Pod];
  const { namespace } = pod.metadata;
  const owner = ownerOf(pod);
  const deployment = deploymentOf(pod, objects.replicaSets, objects.deployments);
  const set = [...objects.statefulSets, ...objects.replicaSets].find((w) => w.metadata.uid === owner?.uid);
  const replicas = (deployment ?? set)?.spec.replicas ?? ((deployment ?? set) ? 1 : 0);
  const budgets = budgetsOf(pod, objects.budgets);
  const kind = deployment ? 'Deployment' : (owner?.kind ?? 'pod');
  return {
    name: `${kind} ${namespace}/${deployment?.metadata.name ?? owner?.name ?? pod.metadata.name}`,
    kind,
    budgets,
    replicas,
    pods,
    stays: staysBecause(pod) === 'tolerates',
    endsItself: leftToEnd(pod, settings),
    critical: isCritical(pod),
    volumes: claimNamesOf(pod).length > 0,
    prospect: prospectOf(pod, budgets, replicas, deployment),
    startMs: startMsOf(all),
    leaveMs: leaveMsOf(pod),
  };
}

/** What a program takes to end once it is asked; nobody knows before. */
const endMs = 2000;

/** From the eviction until the pod is gone: what its containers do before they stop, never longer than its grace. */
export function leaveMsOf({ spec }: Pod): number {
  const graceMs = (spec.terminationGracePeriodSeconds ?? 30) * 1000;
  const lingers = spec.containers.map(({ lifecycle }) => {
    const { sleep, exec } = lifecycle?.preStop ?? {};
    const [, seconds = '0'] = /\bsleep\s+(\d+)/.exec((exec?.command ?? []).join(' ')) ?? [];
    return (sleep?.seconds ?? Number(seconds)) * 1000;
  });
  return Math.min(graceMs, Math.max(0, ...lingers) + endMs);
}
