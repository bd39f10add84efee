import { instanceIdOf, type Member, nodeReady } from '../../cluster/members.ts';
import type { Pod } from '../../cluster/objects.ts';
import { isOfDaemonSet } from '../../cluster/pods.ts';
import type { ScalingActivity } from '../../cluster/ports.ts';

/** How long things took before, by group. What nothing is known about is assumed, and said so. */
export interface History {
  /** From launch until the node served with its DaemonSets, when so many start at once. */
  bootMs(group: string, nodes: number): number;
  /** From the request until the instance was gone, lifecycle hooks included. */
  terminateMs(group: string): number;
  /** What is assumed because nothing tells. */
  assumed: string[];
}

const usualBootMs = 90_000;
const usualTerminateMs = 75_000;
/** A pod of a DaemonSet that came so much later belongs to a later rollout, not to the start of its node. */
const startOfNodeMs = 300_000;
/** What took longer is no start: a condition changed again later. */
const longestBootMs = 1_800_000;

/**
 * Learns from the nodes that are there and from the activities of their groups.
 * @param activities of the last days, per group
 */
export function historyOf(
  members: readonly Member[],
  pods: readonly Pod[],
  activities: ReadonlyMap<string, readonly ScalingActivity[]>,
): History {
  const daemonsReady = new Map<string, number>();
  const nodeCreated = new Map(
    members.flatMap((m) => (m.node ? [[m.node.metadata.name, createdAt(m.node)] as const] : [])),
  );
  for (const pod of pods) {
    if (!isOfDaemonSet(pod)) continue;
    const node = pod.spec.nodeName ?? '';
    const ready = readyAt(pod);
    const created = nodeCreated.get(node) ?? Number.NaN;
    if (ready !== undefined && createdAt(pod) - created < startOfNodeMs && ready - created < longestBootMs)
      daemonsReady.set(node, Math.max(ready, daemonsReady.get(node) ?? 0));
  }
  const boots = new Map<string, number[]>();
  for (const member of members) {
    const boot = bootOf(member, daemonsReady.get(member.node?.metadata.name ?? ''));
    if (boot !== undefined) add(boots, member.group, boot);
  }
  const terminations = new Map<string, number[]>();
  for (const [group, list] of activities)
    for (const { description, status, startedAt, endedAt } of list)
      if (description.startsWith('Terminating') && status === 'Successful' && endedAt !== undefined)
        add(terminations, group, endedAt - startedAt);
  const assumed: string[] = [];
  if (boots.size === 0) assumed.push('the boot of a node takes 90 s: no present node tells');
  if (terminations.size === 0)
    assumed.push('an instance takes 75 s to terminate: no activity of the groups tells');
  return {
    bootMs: (group, nodes) =>
      // The slowest of so many decides.
      quantile(known(boots, group), Math.max(0.5, nodes / (nodes + 1))) ?? usualBootMs,
    terminateMs: (group) => quantile(known(terminations, group), 0.5) ?? usualTerminateMs,
    assumed,
  };
}

/** Those of the group, or of all where it has none. */
const known = (history: Map<string, number[]>, group: string): number[] =>
  history.get(group) ?? [...history.values()].flat();

const add = (history: Map<string, number[]>, group: string, ms: number): void =>
  void history.set(group, [...(history.get(group) ?? []), ms]);

/** A node that was not ready in between tells less, but still when it joined. */
function bootOf({ node, launchedAt }: Member, daemonsReady: number | undefined): number | undefined {
  if (!node || !launchedAt || !instanceIdOf(node) || !nodeReady(node)) return undefined;
  const created = createdAt(node);
  const ready = readyAt(node) ?? created;
  const served = Math.max(ready - created < startOfNodeMs ? ready : created, daemonsReady ?? 0);
  const boot = served - launchedAt;
  return boot > 0 && boot < longestBootMs ? boot : undefined;
}

interface WithConditions {
  metadata: { creationTimestamp?: string };
  status?: { conditions?: { type: string; status: string; lastTransitionTime?: string }[] };
}

const createdAt = ({ metadata }: WithConditions): number => Date.parse(metadata.creationTimestamp ?? '');

/** Since when it is ready; undefined when it is not. */
function readyAt({ status }: WithConditions): number | undefined {
  const ready = status?.conditions?.find((c) => c.type === 'Ready' && c.status === 'True');
  const at = Date.parse(ready?.lastTransitionTime ?? '');
  return Number.isNaN(at) ? undefined : at;
}

const usualStartMs = 10_000;
/** A pod that became ready later than this was not ready in between, or waited for something that will not happen again. */
const longestStartMs = 600_000;

/** How long pods like these took to be ready once they had a node: waiting for one is a matter of the cluster's past. */
export function startMsOf(pods: readonly Pod[]): number {
  const starts = pods.flatMap((pod) => {
    const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled')?.lastTransitionTime;
    const ms = (readyAt(pod) ?? Number.NaN) - (scheduled ? Date.parse(scheduled) : createdAt(pod));
    // Times are written in whole seconds, so half a second is lost on average, and a start may seem to end before it began.
    return ms > -1000 && ms < longestStartMs ? [Math.max(0, ms) + 500] : [];
  });
  return quantile(starts, 0.5) ?? usualStartMs;
}

/** The value below which this share of them lies; undefined without any. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
