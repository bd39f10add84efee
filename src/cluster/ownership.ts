import type { Node } from './objects.ts';
import type { Group } from './ports.ts';

/**
 * Who else replaces the nodes of the group, and how to ask for it; undefined when they are ours to replace. EKS tags the
 * groups behind managed node groups (https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html).
 */
export function otherOwner(
  { tags, instances }: Pick<Group, 'tags' | 'instances'>,
  nodes: readonly Node[] = [],
): string | undefined {
  const role = kopsRoles.find((r) => `k8s.io/role/${r}` in tags);
  if (role !== undefined) {
    const name = tags['kops.k8s.io/instancegroup'] ?? '<instance group>';
    const here = isControlPlane({ tags }) ? ', or control-plane: roll here' : '';
    return `it is the kops instance group ${name} with the role ${role}, whose members cannot be surged (they hold etcd, an API server's address, or no node): kops rolling-update cluster --instance-group ${name} --yes${here}`;
  }
  const controlling = nodes.find(
    (n) => isOfControlPlane(n) && instances.some((i) => n.spec.providerID?.endsWith(`/${i.id}`)),
  );
  if (controlling)
    return `its node ${controlling.metadata.name} is of the control plane (label node-role.kubernetes.io/control-plane), and whatever set that up must take it out of etcd: kubeadm reset, for example`;
  const nodegroup = tags['eks:nodegroup-name'];
  if (nodegroup === undefined) return undefined;
  const cluster = tags['eks:cluster-name'] ?? '<cluster>';
  return `it belongs to the EKS managed node group ${nodegroup}, whose nodes EKS replaces itself: aws eks update-nodegroup-version --cluster-name ${cluster} --nodegroup-name ${nodegroup}`;
}

/**
 * The roles of kops instance groups that are more than worker nodes, as kops tags their groups
 * (https://kops.sigs.k8s.io/instance_groups/).
 */
const controlPlaneRoles = ['control-plane', 'master'] as const;
const kopsRoles = [...controlPlaneRoles, 'apiserver', 'bastion'] as const;

/** A control-plane group of kops, whose etcd-manager gives the next instance the volume of the one that left. */
export const isControlPlane = ({ tags }: Pick<Group, 'tags'>): boolean =>
  controlPlaneRoles.some((role) => `k8s.io/role/${role}` in tags);

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane */
const isOfControlPlane = ({ metadata }: Node): boolean =>
  controlPlaneRoles.some((role) => metadata.labels?.[`node-role.kubernetes.io/${role}`] !== undefined);

/** Set by kops, or by hand, on a node that its next rolling update must replace, whatever it runs. */
export const asksForUpdate = ({ metadata }: Node): boolean =>
  metadata.annotations?.['kops.k8s.io/needs-update'] !== undefined;

/** Karpenter launches instances without a group, and replaces them itself when they drift. */
export const isKarpenters = ({ metadata }: Node): boolean =>
  metadata.labels?.['karpenter.sh/nodepool'] !== undefined;
