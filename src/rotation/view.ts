import { type Member, membersOf } from '../cluster/members.ts';
import type { Aws, Group, Kubernetes } from '../cluster/ports.ts';

/** Groups and their members at one moment. */
export interface View {
  groups: Group[];
  members: Member[];
}

export async function lookAround(
  source: { aws: Aws; kubernetes: Kubernetes },
  select: { names: string[] } | { tags: Record<string, string> },
): Promise<View> {
  const groups = await source.aws.groups(select);
  const [instances, nodes] = await Promise.all([
    source.aws.instances(groups.flatMap((g) => g.instances.map((i) => i.id))),
    source.kubernetes.list('nodes'),
  ]);
  return { groups, members: membersOf(groups, instances, nodes.items) };
}

/** Names that were asked for and are not there: a wrong name must never mean an empty rotation. */
export function refuseUnknown(
  view: View,
  select: { names: string[] } | { tags: Record<string, string> },
): void {
  const missing =
    'names' in select ? select.names.filter((name) => !view.groups.some((g) => g.name === name)) : [];
  if (missing.length > 0)
    throw new Error(`groups: no Auto Scaling Group named ${missing.join(', ')} in this region and account.`);
  if (view.groups.length === 0) {
    const tags = 'tags' in select ? Object.keys(select.tags).join(', ') : '';
    throw new Error(
      `No Auto Scaling Group is tagged ${tags}. Tag the groups of the cluster, or name them in the input groups.`,
    );
  }
}
