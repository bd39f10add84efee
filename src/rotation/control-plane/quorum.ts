import { type Member, nodeReady } from '../../cluster/members.ts';
import type { Node, Pod } from '../../cluster/objects.ts';
import { isReady, isTerminating } from '../../cluster/pods.ts';
import { count, describeDuration, names } from '../../text.ts';

/** Where kops runs the static pods of its control plane, whose copies in the API are all that can be seen of etcd from outside. */
export const controlPlaneNamespace = 'kube-system';

/**
 * A static pod of the control plane, by the label that kops gives it: `kube-apiserver`, or `etcd-manager-main`,
 * `etcd-manager-events` and the like, which each keep one member of an etcd cluster
 * (https://kops.sigs.k8s.io/operations/etcd_administration/).
 */
export interface Part {
  name: string;
  node: string;
  ready: boolean;
  /** Another one after each restart. */
  key: string;
}

const apiServer = 'kube-apiserver';
const isEtcd = (name: string): boolean => name.startsWith('etcd-manager-');

/** What runs where; what is on a node that is not ready is not ready, whatever its kubelet said last. */
export function partsOf(pods: readonly Pod[], nodes: readonly Node[]): Part[] {
  const ready = new Set(nodes.filter(nodeReady).map((n) => n.metadata.name));
  return pods.flatMap((pod) => {
    const { metadata, spec, status } = pod;
    const name = metadata.labels?.['k8s-app'] ?? '';
    const { nodeName: node } = spec;
    if (metadata.namespace !== controlPlaneNamespace || node === undefined) return [];
    if (name !== apiServer && !isEtcd(name)) return [];
    const since = status?.conditions?.find((c) => c.type === 'Ready')?.lastTransitionTime ?? '';
    return [
      {
        name,
        node,
        ready: isReady(pod) && !isTerminating(pod) && ready.has(node),
        key: `${name} ${node} ${metadata.uid} ${since}`,
      },
    ];
  });
}

/** What the control plane was made of when the plan was made. */
export interface Layout {
  /** What every node of a group runs. */
  runs: Record<string, string[]>;
  /** How many members each etcd cluster has, also those that are away. */
  etcd: Record<string, number>;
}

/**
 * What is away is counted all the same: a quorum is a majority of the members that etcd knows, not of those that answer. So a
 * group counts with its size; of a group of which nothing is seen everything is expected; others count by their pods.
 */
export function layoutOf(
  groups: readonly { name: string; desired: number }[],
  members: readonly Member[],
  parts: readonly Part[],
): Layout {
  const all = [...new Set(parts.map((p) => p.name))].sort();
  const nodesIn = (group: string) =>
    members.filter((m) => m.group === group).flatMap((m) => m.node?.metadata.name ?? []);
  const runs = Object.fromEntries(
    groups.map(({ name }) => {
      const nodes = nodesIn(name);
      const seen = all.filter((part) => parts.some((p) => p.name === part && nodes.includes(p.node)));
      return [name, seen.length > 0 ? seen : all];
    }),
  );
  const inside = new Set(groups.flatMap(({ name }) => nodesIn(name)));
  const etcd = all.filter(isEtcd).map((part) => {
    const own = groups.filter(({ name }) => runs[name]?.includes(part));
    const outside = parts.filter((p) => p.name === part && !inside.has(p.node));
    return [part, own.reduce((sum, g) => sum + g.desired, 0) + outside.length] as const;
  });
  return { runs, etcd: Object.fromEntries(etcd) };
}

/** How many members must be there for etcd to write (https://etcd.io/docs/latest/faq/#what-is-failure-tolerance). */
const majorityOf = (members: number): number => Math.floor(members / 2) + 1;

/** Why no member of this control plane can ever be spared, one line each; none when one can. */
export function neverSpared({ etcd, runs }: Layout): string[] {
  const lines = Object.entries(etcd)
    .filter(([, size]) => size - 1 < majorityOf(size))
    .map(
      ([name, size]) =>
        `${name} has ${count(size, 'member')} and needs ${majorityOf(size)}, so none can be spared`,
    );
  const label = (what: string) =>
    `no pod with the label k8s-app: ${what} is seen in ${controlPlaneNamespace}`;
  if (Object.keys(etcd).length === 0)
    lines.push(`${label('etcd-manager-...')}, so nobody can tell its quorum`);
  if (!Object.values(runs).some((parts) => parts.includes(apiServer))) lines.push(label(apiServer));
  return lines;
}

/** What would be lost if this node went now, one line each; none when it may go. */
export function lostWithout(node: string, { etcd }: Layout, parts: readonly Part[]): string[] {
  const lines = Object.entries(etcd).flatMap(([name, size]) => {
    const others = parts.filter((p) => p.name === name && p.node !== node);
    const ready = others.filter((p) => p.ready).length;
    const needed = majorityOf(size);
    return ready >= needed
      ? []
      : [`${name} would have ${ready} of ${size} members ready, and needs ${needed}${unready(others)}`];
  });
  const servers = parts.filter((p) => p.name === apiServer && p.node !== node);
  if (!servers.some((p) => p.ready)) lines.push(`no other ${apiServer} is ready${unready(servers)}`);
  return lines;
}

function unready(parts: readonly Part[]): string {
  const nodes = parts.filter((p) => !p.ready).map((p) => p.node);
  return nodes.length > 0 ? ` (not ready on ${names(nodes)})` : '';
}

/** Remembers since when each part has been ready without a break. Our own clock is asked, since those of others may be wrong. */
export class Steadiness {
  #since = new Map<string, number>();

  /** What is seen now; what is not ready any more, or has started anew, begins again. */
  see(parts: readonly Part[], now: number): void {
    const ready = parts.filter((p) => p.ready);
    this.#since = new Map(ready.map(({ key }) => [key, this.#since.get(key) ?? now]));
  }

  forMs({ key }: Part, now: number): number {
    return now - (this.#since.get(key) ?? now);
  }
}

/**
 * What the new nodes of the control plane still lack before another may go, one line each.
 * @param steadyMs how long what they run must have been ready without a break
 */
export function notServing(
  fresh: readonly Member[],
  { runs }: Layout,
  parts: readonly Part[],
  steadiness: Steadiness,
  { now, steadyMs }: { now: number; steadyMs: number },
): string[] {
  return fresh.flatMap(({ group, instanceId, node }) => {
    if (!node) return [`${instanceId} runs but has not joined as a node`];
    const { name } = node.metadata;
    return (runs[group] ?? []).flatMap((part) => {
      const found = parts.find((p) => p.name === part && p.node === name);
      if (!found) return [`${part} is not there on ${name}`];
      if (!found.ready) return [`${part} is not ready on ${name}`];
      const ms = steadiness.forMs(found, now);
      return ms >= steadyMs
        ? []
        : [`${part} on ${name} is ready for ${describeDuration(ms)} of ${describeDuration(steadyMs)}`];
    });
  });
}

/**
 * The order in which they leave: first one whose way out has begun, then those that do not serve anyway, since replacing
 * them costs nothing and the others must not go before; the rest as planned.
 */
export function inOrder(
  outdated: readonly Member[],
  planned: readonly string[],
  parts: readonly Part[],
  hasBegun: (node: Node) => boolean,
): Member[] {
  const rank = ({ node, instanceId }: Member): [number, number, number] => [
    node && hasBegun(node) ? 0 : 1,
    node && parts.some((p) => p.node === node.metadata.name && !p.ready) ? 0 : 1,
    planned.indexOf(instanceId),
  ];
  return [...outdated].sort((a, b) => {
    const [one, other] = [rank(a), rank(b)];
    return one.map((n, i) => n - (other[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
  });
}
