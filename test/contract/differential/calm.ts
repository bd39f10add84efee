import type { Node, Pod } from '../../../src/cluster/objects.ts';
import { isReady, isTerminating } from '../../../src/cluster/pods.ts';
import { tolerates } from '../../../src/cluster/taints.ts';
import { feasibleNodes } from '../../../src/rehearsal/scheduler/scheduler.ts';
import type { PlayedCluster } from './cluster.ts';
import { miscounted } from './invariants.ts';
import { type View, viewOf } from './view.ts';
import type { World } from './world.ts';

/** In the cluster's own time, in milliseconds. */
export interface Patience {
  pollMs: number;
  /** Nothing has changed for this long. */
  quietMs: number;
  /** The same while something is not as it should become: a pod seems to fit, a budget is miscounted, another end is expected. */
  hopefulMs: number;
  limitMs: number;
}

export const defaultPatience: Patience = { pollMs: 1000, quietMs: 3000, hopefulMs: 20_000, limitMs: 600_000 };

/**
 * Waits until nothing changes any more and everything that can run runs. Controllers that are merely slow look calm, too: a view
 * that is not as `expected` counts only when it stays so. @throws Error saying what still moves.
 */
export async function calm(
  cluster: PlayedCluster,
  world: World,
  patience: Patience,
  expected: (view: View) => boolean = () => true,
): Promise<View> {
  let last = '';
  let quietMs = 0;
  let moving: string[] = [];
  for (let waited = 0; waited <= patience.limitMs; waited += patience.pollMs) {
    const view = await viewOf(cluster.kubernetes, world);
    const now = fingerprint(view);
    quietMs = now === last ? quietMs + patience.pollMs : 0;
    last = now;
    moving = inMotion(view, world);
    const doubtful = () =>
      someSeemToFit(view) ||
      view.poddisruptionbudgets.some((b) => miscounted(b, view).length > 0) ||
      !expected(view);
    const quiet = moving.length === 0 && quietMs >= patience.quietMs;
    if (quiet && (quietMs >= patience.hopefulMs || !doubtful())) {
      const pods = (await cluster.podsNow?.(world.name)) ?? view.pods;
      if (statesOf(pods) === statesOf(view.pods)) return view;
      moving = ['pods, of which the copy lags behind'];
    }
    await cluster.pause(patience.pollMs);
  }
  throw new Error(`World ${world.name} did not become calm: ${moving.join('; ') || 'it keeps changing'}.`);
}

/** Everything but heartbeats and remarks. */
function fingerprint({ nodes, pods, ...rest }: View): string {
  const versions = Object.values(rest).flatMap((objects) =>
    objects.map(({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`),
  );
  const states = nodes.map(({ metadata, spec, status }) => [
    metadata.uid,
    spec,
    status?.conditions?.map((c) => [c.type, c.status]),
  ]);
  return JSON.stringify([versions, states, statesOf(pods)]);
}

/** Without the words of the scheduler about a pod: it counts the nodes of all worlds in them, and changes them with every one. */
function statesOf(pods: readonly Pod[]): string {
  const states = pods.map(({ metadata: { uid, deletionTimestamp, labels }, spec, status }) => [
    [uid, deletionTimestamp, labels, spec.nodeName, status?.phase],
    status?.conditions?.map((c) => [c.type, c.status, c.reason]),
    status?.containerStatuses?.map((c) => [c.ready, c.restartCount]),
  ]);
  return states
    .map((state) => JSON.stringify(state))
    .sort()
    .join();
}

/** What is certain to change yet. */
function inMotion(view: View, world: World): string[] {
  const moving: string[] = [];
  for (const pod of view.pods) {
    const node = view.nodes.find((n) => n.metadata.name === pod.spec.nodeName);
    const orphaned = pod.spec.nodeName !== undefined && !node;
    if (orphaned || mustLeave(pod, node) || isTerminating(pod) || !settled(pod))
      moving.push(`pod ${pod.metadata.name}`);
  }
  const controlled = [
    ...view.deployments,
    ...view.replicasets,
    ...view.statefulsets,
    ...view.daemonsets,
    ...view.poddisruptionbudgets,
  ];
  for (const { kind, metadata, status } of controlled) {
    if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
      moving.push(`${kind} ${metadata.name}, which its controller has not seen yet`);
  }
  for (const set of view.replicasets) {
    if ((set.status?.replicas ?? 0) !== (set.spec.replicas ?? 1))
      moving.push(`ReplicaSet ${set.metadata.name}`);
  }
  for (const budget of view.poddisruptionbudgets) {
    if (Object.keys(budget.status?.disruptedPods ?? {}).length > 0)
      moving.push(`PodDisruptionBudget ${budget.metadata.name}`);
  }
  for (const { name } of world.workloads) {
    if (!view.endpointslices.some((s) => s.metadata.labels?.['kubernetes.io/service-name'] === name))
      moving.push(`Service ${name}, which has no EndpointSlice yet`);
  }
  return moving;
}

/** Tolerates a NoExecute taint of its node for a while, or not at all. */
function mustLeave(pod: Pod, node: Node | undefined): boolean {
  return (node?.spec.taints ?? []).some((taint) => {
    const tolerations = (pod.spec.tolerations ?? []).filter((t) => tolerates(t, taint));
    return taint.effect === 'NoExecute' && tolerations.every((t) => t.tolerationSeconds !== undefined);
  });
}

/** Runs as well as it ever will, or has been looked at by the scheduler in vain. */
function settled(pod: Pod): boolean {
  const is = (type: string, status: string) =>
    pod.status?.conditions?.some((c) => c.type === type && c.status === status) ?? false;
  if (!pod.spec.nodeName) return is('PodScheduled', 'False');
  return isReady(pod) || (pod.spec.readinessGates !== undefined && is('ContainersReady', 'True'));
}

function someSeemToFit(view: View): boolean {
  const running = view.pods.filter((p) => p.spec.nodeName);
  const nodes = view.nodes.map((node) => ({
    node,
    pods: running.filter((p) => p.spec.nodeName === node.metadata.name),
  }));
  const snapshot = { nodes, namespaces: [], claims: [], volumes: [] };
  return view.pods.some((pod) => !pod.spec.nodeName && feasibleNodes(pod, snapshot).feasible.length > 0);
}
