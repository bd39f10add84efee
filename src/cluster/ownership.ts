import type { Node } from './objects.ts';
import type { Group } from './ports.ts';

/**
 * Who else replaces the nodes of the group, and how to ask for it; undefined when they are ours to replace. EKS tags the
 * groups behind managed node groups (https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html).
 */
export function otherOwner({ tags }: Pick<Group, 'tags'>): string | undefined {
  const role = kopsRoles.find((r) => `k8s.io/role/${r}` in tags);
  if (role !== undefined) {
    const name = tags['kops.k8s.io/instancegroup'] ?? '<instance group>';
    return `it is the kops instance group ${name} with the role ${role}, whose members cannot be surged (they hold etcd, an API server's address, or no node): kops rolling-update cluster --instance-group ${name} --yes`;
  }
  const nodegroup = tags['eks:nodegroup-name'];
  if (nodegroup === undefined) return undefined;
  const cluster = tags['eks:cluster-name'] ?? '<cluster>';
  return `it belongs to the EKS managed node group ${nodegroup}, whose nodes EKS replaces itself: aws eks update-nodegroup-version --cluster-name ${cluster} --nodegroup-name ${nodegroup}`;
}

/**
 * The roles of kops instance groups that are more than worker nodes, as kops tags their groups
 * (https://kops.sigs.k8s.io/instance_groups/).
 */
const kopsRoles = ['control-plane', 'master', 'apiserver', 'bastion'] as const;

/** Set by kops, or by hand, on a node that its next rolling update must replace, whatever it runs. */
export const asksForUpdate = ({ metadata }: Node): boolean =>
  metadata.annotations?.['kops.k8s.io/needs-update'] !== undefined;

/** Karpenter launches instances without a group, and replaces them itself when they drift. */
export const isKarpenters = ({ metadata }: Node): boolean =>
  metadata.labels?.['karpenter.sh/nodepool'] !== undefined;
