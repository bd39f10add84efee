import { membersOf } from '../cluster/members.ts';
import { isControlPlane, otherOwner } from '../cluster/ownership.ts';
import type { Aws, Group, GroupSelection, Kubernetes } from '../cluster/ports.ts';
import { messageOf } from '../text.ts';
import { type ClusterView, isUnreadable, type Unreadable } from './check.ts';

/** Reads everything once. What cannot be read is marked with the reason, and makes its checks unknown. */
export async function readView(
  source: { kubernetes: Kubernetes; aws: Aws },
  select: GroupSelection,
): Promise<ClusterView> {
  const { kubernetes, aws } = source;
  const items = <T>(list: Promise<{ items: T[] }>): Promise<T[] | Unreadable> =>
    readable(list.then((l) => l.items));
  const [nodes, pods, budgets, deployments, replicaSets, statefulSets, daemonSets, groups] =
    await Promise.all([
      items(kubernetes.list('nodes')),
      items(kubernetes.list('pods')),
      items(kubernetes.list('poddisruptionbudgets')),
      items(kubernetes.list('deployments')),
      items(kubernetes.list('replicasets')),
      items(kubernetes.list('statefulsets')),
      items(kubernetes.list('daemonsets')),
      readable(groupsOf(aws, select)),
    ]);
  if (isUnreadable(groups)) {
    return {
      nodes,
      pods,
      budgets,
      deployments,
      replicaSets,
      statefulSets,
      daemonSets,
      groups,
      members: groups,
      refreshing: groups,
    };
  }
  const instances = await readable(aws.instances(groups.flatMap((g) => g.instances.map((i) => i.id))));
  const unreadableMember = [instances, nodes].find(isUnreadable);
  const members =
    unreadableMember ??
    membersOf(
      groups,
      instances as Exclude<typeof instances, Unreadable>,
      nodes as Exclude<typeof nodes, Unreadable>,
    );
  const refreshing = await readable(
    Promise.all(groups.map(async (g) => ((await aws.refreshInProgress(g.name)) ? [g.name] : []))).then(
      (names) => names.flat(),
    ),
  );
  return {
    nodes,
    pods,
    budgets,
    deployments,
    replicaSets,
    statefulSets,
    daemonSets,
    groups,
    members,
    refreshing,
  };
}

async function groupsOf(aws: Aws, select: GroupSelection) {
  const found = await aws.groups(select);
  // Whoever names a control-plane group means to have it rolled.
  const isMeant = (g: Group) => !otherOwner(g) || ('names' in select && isControlPlane(g));
  const groups = found.filter(isMeant);
  const missing = 'names' in select ? select.names.filter((n) => !groups.some((g) => g.name === n)) : [];
  if (missing.length > 0) throw new Error(`there is no Auto Scaling Group ${missing.join(', ')}`);
  if (groups.length === 0)
    throw new Error(
      'no Auto Scaling Group was found; tag the groups of the cluster, or name them in the input groups',
    );
  return groups;
}

async function readable<T>(part: Promise<T>): Promise<T | Unreadable> {
  try {
    return await part;
  } catch (error) {
    return { unreadable: messageOf(error) };
  }
}
