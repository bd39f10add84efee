import type { Resource } from '../cluster/resources.ts';

/** What RBAC calls the things that the port works on; an eviction and a port-forward are subresources of a pod. */
export type Target = Resource | 'pods/eviction' | 'pods/portforward';

/** RBAC's words for what the port does: `remove` is `delete`, `evict` is `create` of an eviction. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

export interface Rule {
  /** For the comment above it. */
  purpose?: string;
  targets: readonly Target[];
  verbs: readonly Verb[];
  /** Also for those who only look: `phase: plan` and validate-cluster. */
  looksOnly?: boolean;
  /** What a rotation does without, and says so. */
  optional?: boolean;
}

/** A ClusterRole, or with a namespace a Role in it, bound to the group `eks-rolling`. */
export interface Role {
  name: string;
  namespace?: string;
  /** Not bound to the group: who needs it binds it. */
  unbound?: boolean;
  /** For the comment above it. */
  purpose?: string;
  rules: readonly Rule[];
}

/**
 * Every right that the calls of the code need: docs/rbac.yaml and docs/rbac-plan.yaml are generated from this table, and the
 * tests run with no other rights. Whoever adds a call adds its verb here, in the rule whose purpose it serves.
 */
export const roles: readonly Role[] = [
  {
    name: 'eks-rolling',
    rules: [
      {
        purpose: 'validate-cluster and rotate-nodes: the state of the cluster.',
        targets: ['nodes', 'pods'],
        verbs: ['list'],
        looksOnly: true,
      },
      {
        targets: ['deployments', 'replicasets', 'statefulsets', 'daemonsets'],
        verbs: ['list'],
        looksOnly: true,
      },
      { targets: ['poddisruptionbudgets'], verbs: ['list'], looksOnly: true },
      {
        purpose: 'rotate-nodes: the same as it changes; without this it asks for the lists again and again.',
        targets: ['nodes', 'pods'],
        verbs: ['watch'],
      },
      { targets: ['deployments', 'replicasets', 'statefulsets', 'daemonsets'], verbs: ['watch'] },
      { targets: ['poddisruptionbudgets'], verbs: ['watch'] },
      {
        purpose: 'rotate-nodes: whether the volumes of the pods that left are detached.',
        targets: ['persistentvolumeclaims'],
        verbs: ['get'],
      },
      { targets: ['volumeattachments'], verbs: ['list', 'watch'] },
      {
        purpose: 'rotate-nodes: whether the volumes on the last node of a zone could follow to another.',
        targets: ['persistentvolumeclaims', 'persistentvolumes'],
        verbs: ['list', 'watch'],
      },
      {
        purpose: 'rotate-nodes: the load balancers that lead to nodes.',
        targets: ['services'],
        verbs: ['list', 'watch'],
      },
      { targets: ['ingresses'], verbs: ['list', 'watch'] },
      {
        purpose: 'rotate-nodes: taints, evictions, pausing cluster-autoscaler.',
        targets: ['nodes'],
        verbs: ['get', 'update'],
      },
      { targets: ['pods/eviction'], verbs: ['create'] },
      { targets: ['deployments'], verbs: ['get', 'patch'] },
      {
        purpose:
          'rotate-nodes: one replica more for a Deployment that would be interrupted or blocked, and whether Services list it.',
        targets: ['horizontalpodautoscalers'],
        verbs: ['list', 'watch', 'patch'],
      },
      { targets: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  },
  {
    name: 'eks-rolling-force',
    unbound: true,
    purpose:
      'Only for rotate-nodes with on-blocked: force: it deletes pods past their budgets that have long not been ready. Bound to nobody; kubectl create clusterrolebinding eks-rolling-force --clusterrole eks-rolling-force --group eks-rolling',
    rules: [{ targets: ['pods'], verbs: ['delete'] }],
  },
  {
    name: 'eks-rolling-redis',
    purpose:
      'Only for migrate-redis: it moves pods, speaks to Redis through a port-forward, and starts and removes a temporary pod.',
    rules: [
      { targets: ['pods'], verbs: ['get', 'create', 'delete'] },
      { targets: ['statefulsets'], verbs: ['get'] },
      {
        purpose: 'From Kubernetes 1.35 on both.',
        targets: ['pods/portforward'],
        verbs: ['get', 'create'],
      },
    ],
  },
  {
    name: 'eks-rolling',
    namespace: 'kube-system',
    purpose: 'What the suite keeps in the cluster.',
    rules: [
      {
        purpose: 'The records of validate-cluster and load-baseline.',
        targets: ['configmaps'],
        verbs: ['get', 'create'],
        looksOnly: true,
      },
      {
        purpose: 'The journal, and the lease that keeps two runs apart.',
        targets: ['configmaps'],
        verbs: ['update'],
      },
      { targets: ['leases'], verbs: ['get', 'create', 'update', 'delete'] },
    ],
  },
  {
    name: 'eks-rolling',
    namespace: 'default',
    purpose:
      'Events on nodes, for kubectl describe node; without this the rotation says that it could not leave them, and goes on.',
    rules: [{ targets: ['events'], verbs: ['create'], optional: true }],
  },
];

/** The roles with only those rules that looking needs. */
export const rolesToLook: readonly Role[] = roles
  .map((role) => ({
    ...role,
    name: `${role.name}-plan`,
    rules: role.rules.filter((r) => r.looksOnly),
  }))
  .filter((role) => role.rules.length > 0);

/** What a rotation cannot do without; who watches may also only list (src/cluster/watched.ts). */
export const rolesToRotate: readonly Role[] = roles
  .filter((role) => role.name === 'eks-rolling')
  .map((role) => ({
    ...role,
    rules: role.rules
      .filter((rule) => !rule.optional)
      .map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => verb !== 'watch') })),
  }));
