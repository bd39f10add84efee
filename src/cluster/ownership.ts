import type { Node } from './objects.ts';
import type { Group } from './ports.ts';

/**
 * Who else replaces the nodes of the group, and how to ask for it; undefined when they are ours to replace. EKS tags the
 * groups behind managed node groups (https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html).
 */
export function otherOwner({ tags }: Pick<Group, 'tags'>): string | undefined {
  const nodegroup = tags['eks:nodegroup-name'];
  if (nodegroup === undefined) return undefined;
  const cluster = tags['eks:cluster-name'] ?? '<cluster>';
  return `it belongs to the EKS managed node group ${nodegroup}, whose nodes EKS replaces itself: aws eks update-nodegroup-version --cluster-name ${cluster} --nodegroup-name ${nodegroup}`;
}

/** Karpenter launches instances without a group, and replaces them itself when they drift. */
export const isKarpenters = ({ metadata }: Node): boolean =>
  metadata.labels?.['karpenter.sh/nodepool'] !== undefined;
