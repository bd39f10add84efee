import type { Node } from './objects.ts';
import { asksForUpdate } from './ownership.ts';
import type { Group, GroupInstance, Instance, LaunchTarget } from './ports.ts';

export type MemberState = 'current' | 'outdated' | 'joining' | 'leaving' | 'standby' | 'orphaned';

/** One instance of a group joined with its Node. */
export interface Member {
  group: string;
  /** The group it is really in, where groups are planned as one (src/rotation/move-into.ts). */
  home?: string;
  instanceId: string;
  zone: string;
  lifecycle: GroupInstance['lifecycle'];
  launchedAt: number;
  imageId: string;
  /** Undefined until the instance has joined. */
  node?: Node;
  /** `orphaned`: in service, but without a Node. */
  state: MemberState;
  /** Whether it runs what a new instance would run, whatever its state. */
  upToDate: boolean;
}

/** The instance id in `spec.providerID`, for example of `aws:///eu-west-1a/i-0abc`. */
export function instanceIdOf(node: Node): string | undefined {
  const last = node.spec.providerID?.split('/').at(-1);
  return last?.startsWith('i-') ? last : undefined;
}

/**
 * Joins groups, EC2 instances and Nodes into members, oldest first.
 * @param launchedBefore instances launched before this moment are outdated whatever they run; in epoch milliseconds
 */
export function membersOf(
  groups: readonly Group[],
  instances: readonly Instance[],
  nodes: readonly Node[],
  launchedBefore = 0,
): Member[] {
  const byId = new Map(instances.map((i) => [i.id, i]));
  const nodeOf = new Map(
    nodes.flatMap((node) => (instanceIdOf(node) ? [[instanceIdOf(node), node] as const] : [])),
  );
  const members = groups.flatMap((group) =>
    group.instances.map((i) => memberOf(group, i, byId.get(i.id), nodeOf.get(i.id), launchedBefore)),
  );
  return members.sort((a, b) => a.launchedAt - b.launchedAt || (a.instanceId < b.instanceId ? -1 : 1));
}

function memberOf(
  group: Group,
  inGroup: GroupInstance,
  instance: Instance | undefined,
  node: Node | undefined,
  launchedBefore: number,
): Member {
  const tooOld = instance !== undefined && instance.launchedAt < launchedBefore;
  const asked = node !== undefined && asksForUpdate(node);
  const upToDate = !tooOld && !asked && isUpToDate(group, inGroup, instance);
  return {
    group: group.name,
    instanceId: inGroup.id,
    zone: inGroup.zone,
    lifecycle: inGroup.lifecycle,
    launchedAt: instance?.launchedAt ?? 0,
    imageId: instance?.imageId ?? '',
    ...(node ? { node } : {}),
    upToDate,
    state: stateOf(inGroup.lifecycle, node, upToDate),
  };
}

/** Runs what it would be launched from today; where attributes choose the type, any of the templates may have been its own. */
function isUpToDate(group: Group, inGroup: GroupInstance, instance: Instance | undefined): boolean {
  const overrides = group.overrides ?? [];
  const ofItsType = overrides.filter((o) => o.instanceType && o.instanceType === inGroup.instanceType);
  const byAttributes = overrides.filter((o) => !o.instanceType);
  const targets =
    ofItsType.length > 0
      ? ofItsType.map((o) => o.target)
      : [group.target, ...byAttributes.map((o) => o.target)];
  return targets.some((target) => runs(target, inGroup, instance));
}

/** Same launch configuration or template version, and the same image: an SSM alias can change the image under a version. */
function runs(target: LaunchTarget, inGroup: GroupInstance, instance: Instance | undefined): boolean {
  if (instance && target.imageId && instance.imageId !== target.imageId) return false;
  if (target.launchConfiguration) return inGroup.launchConfiguration === target.launchConfiguration;
  const { template } = inGroup;
  return (
    template !== undefined &&
    (template.id ?? template.name) === (template.id ? target.template?.id : target.template?.name) &&
    template.version === target.template?.version
  );
}

function stateOf(
  lifecycle: GroupInstance['lifecycle'],
  node: Node | undefined,
  upToDate: boolean,
): MemberState {
  if (lifecycle.startsWith('Terminat') || lifecycle.startsWith('Detach')) return 'leaving';
  if (lifecycle === 'Standby' || lifecycle === 'EnteringStandby') return 'standby';
  if (lifecycle.startsWith('Pending') || lifecycle.startsWith('Warmed')) return 'joining';
  if (!node) return 'orphaned';
  return upToDate ? 'current' : 'outdated';
}

export const nodeReady = (node: Node | undefined): boolean =>
  node?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** The names of the Nodes of these members; who has not joined has none. */
export const nodesOf = (members: readonly Member[]): string[] =>
  members.flatMap((m) => m.node?.metadata.name ?? []);
