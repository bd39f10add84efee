import { createHash } from 'node:crypto';
import { type Member, membersOf, nodeReady } from '../cluster/members.ts';
import type { Node } from '../cluster/objects.ts';
import { isControlPlane, isKarpenters, otherOwner } from '../cluster/ownership.ts';
import type { Aws, Group, GroupSelection, HowNew, Kubernetes } from '../cluster/ports.ts';
import { count } from '../text.ts';
import { asOneGroup } from './move-into.ts';

/** Groups and their members at one moment. */
export interface View {
  groups: Group[];
  members: Member[];
  /** What somebody else replaces, one line each. */
  leftAlone: string[];
}

export interface Source {
  aws: Aws;
  kubernetes: Kubernetes;
  /** Instances launched before this moment are outdated whatever they run; in epoch milliseconds. */
  launchedBefore?: number | undefined;
  /** The group that takes the place of all others. */
  into?: string | undefined;
  /** Look at the control-plane groups of kops, in the place of all others. */
  controlPlane?: boolean | undefined;
  /** A rollback: members launched until this moment stay, whatever they run; in epoch milliseconds. */
  keptUntil?: number | undefined;
  /** What a group is to launch, where it is not what it launches now. */
  intend?: ((group: Group) => Group) | undefined;
}

export async function lookAround(
  source: Source,
  select: GroupSelection,
  { fresh = false }: Pick<HowNew, 'fresh'> = {},
): Promise<View> {
  const nodes = await source.kubernetes.list('nodes');
  const found = await source.aws.groups(select, { fresh, asOf: joined(nodes.items) });
  const isMeant = (g: Group) => (source.controlPlane ? isControlPlane(g) : !otherOwner(g, nodes.items));
  const groups = found.filter(isMeant).map((g) => source.intend?.(g) ?? g);
  const instances = await source.aws.instances(groups.flatMap((g) => g.instances.map((i) => i.id)));
  const karpenters = nodes.items.filter(isKarpenters).length;
  return {
    groups,
    members: asOneGroup(
      membersOf(groups, instances, nodes.items, source.launchedBefore).map((member) =>
        member.state === 'outdated' && member.launchedAt <= (source.keptUntil ?? -1)
          ? { ...member, state: 'current', upToDate: true }
          : member,
      ),
      source.into,
    ),
    leftAlone: [
      ...found.flatMap((g) => {
        const owner = otherOwner(g, nodes.items);
        return owner ? [`${g.name}: ${owner}`] : [];
      }),
      ...(karpenters > 0
        ? [`${count(karpenters, 'node')} of Karpenter, which replaces them itself when its NodePools drift`]
        : []),
    ],
  };
}

/** Which nodes there are and which of them are ready: when that changes, instances have come or gone. */
const joined = (nodes: readonly Node[]): string =>
  createHash('sha256')
    .update(JSON.stringify(nodes.map((n) => [n.metadata.uid, nodeReady(n)])))
    .digest('base64');

/** Groups that were asked for and cannot be rolled: a wrong name must never mean an empty rotation. */
export function refuseUnknown({ groups, leftAlone }: Omit<View, 'members'>, select: GroupSelection): void {
  const named = 'names' in select ? select.names : [];
  const problems = named
    .filter((name) => !groups.some((g) => g.name === name))
    .map(
      (name) =>
        leftAlone.find((line) => line.startsWith(`${name}: `)) ??
        `no Auto Scaling Group named ${name} in this region and account`,
    );
  if (problems.length > 0) throw new Error(`groups: ${problems.join('; ')}.`);
  if (groups.length > 0) return;
  const tags = 'tags' in select ? Object.keys(select.tags).join(', ') : '';
  throw new Error(
    leftAlone.length > 0
      ? `There is no group to roll. Left alone: ${leftAlone.join('; ')}.`
      : `No Auto Scaling Group is tagged ${tags}. Tag the groups of the cluster, or name them in the input groups.`,
  );
}

/** An instance refresh terminates instances without draining them. */
export async function refuseRefresh(aws: Aws, groups: readonly string[]): Promise<void> {
  const refreshing: string[] = [];
  for (const name of groups) if (await aws.refreshInProgress(name)) refreshing.push(name);
  if (refreshing.length === 0) return;
  const commands = refreshing.map(
    (name) => `aws autoscaling cancel-instance-refresh --auto-scaling-group-name ${name}`,
  );
  throw new Error(
    `An instance refresh is running on ${refreshing.join(', ')}: it terminates nodes without draining them. Wait until it has ended, or cancel it: ${commands.join('; ')}`,
  );
}
