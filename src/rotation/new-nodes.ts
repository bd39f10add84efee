import { instanceIdOf, type Member, nodeReady } from '../cluster/members.ts';
import { matchesNodeSelection } from '../cluster/node-selection.ts';
import type { DaemonSet, Node, Pod } from '../cluster/objects.ts';
import { isReady, ownerOf } from '../cluster/pods.ts';
import type { Group } from '../cluster/ports.ts';
import { untolerated } from '../cluster/taints.ts';
import { names } from '../text.ts';
import type { Context } from './context.ts';

/** Members that run what is planned and do not serve yet, by instance id, with what each lacks. */
export async function unreadyMembers(
  context: Context,
  groups: readonly Group[],
  members: readonly Member[],
): Promise<Map<string, string>> {
  const { kubernetes } = context;
  const [daemonSets, pods] = await Promise.all([kubernetes.list('daemonsets'), kubernetes.list('pods')]);
  const fresh = members.filter((m) => m.upToDate && m.state !== 'leaving' && m.state !== 'standby');
  const on = Map.groupBy(pods.items, (p) => p.spec.nodeName ?? '');
  const unready = new Map<string, string>();
  for (const m of fresh) {
    const why = notReadyBecause(m, daemonSets.items, on.get(m.node?.metadata.name ?? '') ?? []);
    if (why) unready.set(m.instanceId, `${m.node?.metadata.name ?? m.instanceId} ${why}`);
  }
  for (const group of groups)
    for (const { instanceId, why } of await unhealthyTargets(context, group, fresh))
      if (!unready.has(instanceId)) unready.set(instanceId, why);
  return unready;
}

/** Set while a node starts: by Kubernetes itself, and as `agent-not-ready` by CSI drivers and Cilium. */
const startupTaint = /^node\.(cloudprovider\.)?kubernetes\.io\/|\/agent-not-ready$/;

/** What a new member lacks before pods may count on it; undefined when nothing. */
export function notReadyBecause(
  member: Member,
  daemonSets: readonly DaemonSet[],
  pods: readonly Pod[],
): string | undefined {
  if (member.lifecycle !== 'InService') return `is ${member.lifecycle}`;
  const { node } = member;
  if (!node) return 'runs but has not joined as a node';
  if (!nodeReady(node)) return 'is not ready';
  const startup = (node.spec.taints ?? []).find(
    (t) => t.effect !== 'PreferNoSchedule' && startupTaint.test(t.key),
  );
  if (startup) return `still has the taint ${startup.key}`;
  const unavailable = node.status?.conditions?.some(
    (c) => c.type === 'NetworkUnavailable' && c.status === 'True',
  );
  if (unavailable) return 'has no network';
  const missing = daemonSets.filter(
    (set) =>
      belongsOn(set, node) &&
      !pods.some(
        (p) => p.spec.nodeName === node.metadata.name && ownerOf(p)?.uid === set.metadata.uid && isReady(p),
      ),
  );
  return missing.length > 0
    ? `waits for ${names(missing.map((s) => `DaemonSet ${s.metadata.namespace}/${s.metadata.name}`))}`
    : undefined;
}

function belongsOn(set: DaemonSet, node: Node): boolean {
  const { spec } = set.spec.template;
  return (
    matchesNodeSelection(spec, node) &&
    untolerated(spec, node.spec.taints ?? [], ['NoSchedule', 'NoExecute']).length === 0
  );
}

async function unhealthyTargets(
  context: Context,
  group: Group,
  fresh: readonly Member[],
): Promise<{ instanceId: string; why: string }[]> {
  if (group.targetGroups.length + group.classicLoadBalancers.length === 0) return [];
  const ids = new Set(
    fresh.filter((m) => m.group === group.name && m.node && instanceIdOf(m.node)).map((m) => m.instanceId),
  );
  const health = await context.aws.targetHealth(group);
  return health
    .filter((h) => ids.has(h.instanceId) && h.state === 'initial')
    .map(({ instanceId, state, loadBalancer }) => ({
      instanceId,
      why: `${instanceId} is ${state} in ${loadBalancer}`,
    }));
}
