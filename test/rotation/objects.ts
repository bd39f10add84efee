import type { Member } from '../../src/cluster/members.ts';
import type { Deployment, Node, Pod, PodDisruptionBudget, ReplicaSet } from '../../src/cluster/objects.ts';
import type { Group } from '../../src/cluster/ports.ts';

/** Small objects for tests of decisions; every maker takes what matters and fills in the rest. */

export const newTemplate = { id: 'lt-1', name: 'nodes', version: '2' };

export function group(given: Partial<Group> = {}): Group {
  return {
    name: 'general',
    min: 1,
    max: 10,
    desired: 3,
    zones: ['a', 'b'],
    subnets: [],
    instances: [],
    suspended: [],
    tags: {},
    targetGroups: [],
    classicLoadBalancers: [],
    target: { template: newTemplate, imageId: 'ami-new', instanceTypes: ['m5.large'] },
    canLaunchInZone: true,
    countsUnits: false,
    ...given,
  };
}

export function node(name: string, given: { ready?: boolean; taints?: Node['spec']['taints'] } = {}): Node {
  return {
    metadata: { name, labels: {} },
    spec: { providerID: `aws:///a/i-${name}`, ...(given.taints ? { taints: given.taints } : {}) },
    status: { conditions: [{ type: 'Ready', status: given.ready === false ? 'False' : 'True' }] },
  };
}

export function member(id: string, given: Partial<Member> = {}): Member {
  const upToDate = given.upToDate ?? given.state === 'current';
  return {
    group: 'general',
    instanceId: `i-${id}`,
    zone: 'a',
    lifecycle: 'InService',
    launchedAt: 0,
    imageId: upToDate ? 'ami-new' : 'ami-old',
    node: node(id),
    state: 'outdated',
    upToDate,
    ...given,
  };
}

export function pod(
  name: string,
  given: { node?: string; owner?: [kind: string, name: string] } & Partial<Pod> = {},
): Pod {
  const { node: nodeName, owner, metadata, spec, ...rest } = given;
  return {
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      labels: { app: name.split('-')[0] ?? name },
      ...(owner
        ? {
            ownerReferences: [
              {
                apiVersion: 'apps/v1',
                kind: owner[0],
                name: owner[1],
                uid: `uid-${owner[1]}`,
                controller: true,
              },
            ],
          }
        : {}),
      ...metadata,
    },
    spec: { containers: [], ...(nodeName ? { nodeName } : {}), ...spec },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    ...rest,
  };
}

export function budget(app: string, spec: PodDisruptionBudget['spec']): PodDisruptionBudget {
  return {
    metadata: { name: app, namespace: 'shop' },
    spec: { selector: { matchLabels: { app } }, ...spec },
  };
}

export function deployment(name: string, spec: Partial<Deployment['spec']> = {}): Deployment {
  return {
    metadata: { name, namespace: 'shop', uid: `uid-${name}` },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { spec: { containers: [] } },
      ...spec,
    },
  };
}

/** The ReplicaSet `<deployment>-rs` of a Deployment. */
export function replicaSet(of: string): ReplicaSet {
  return {
    metadata: {
      name: `${of}-rs`,
      namespace: 'shop',
      uid: `uid-${of}-rs`,
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name: of, uid: `uid-${of}`, controller: true },
      ],
    },
    spec: { selector: {}, template: { spec: { containers: [] } } },
  };
}
