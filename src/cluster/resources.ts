import type * as o from './objects.ts';

/** The kinds the suite touches, by their plural resource name, with the type of their objects. */
export interface ObjectOf {
  nodes: o.Node;
  pods: o.Pod;
  namespaces: o.Namespace;
  services: o.Service;
  ingresses: o.Ingress;
  configmaps: o.ConfigMap;
  secrets: o.Secret;
  events: o.KubernetesEvent;
  persistentvolumeclaims: o.PersistentVolumeClaim;
  persistentvolumes: o.PersistentVolume;
  deployments: o.Deployment;
  replicasets: o.ReplicaSet;
  statefulsets: o.StatefulSet;
  daemonsets: o.DaemonSet;
  jobs: o.Job;
  horizontalpodautoscalers: o.HorizontalPodAutoscaler;
  poddisruptionbudgets: o.PodDisruptionBudget;
  endpointslices: o.EndpointSlice;
  leases: o.Lease;
  storageclasses: o.StorageClass;
  volumeattachments: o.VolumeAttachment;
  csinodes: o.CSINode;
}

export type Resource = keyof ObjectOf;

export interface ResourceInfo {
  kind: string;
  /** Empty for the core group. */
  group: string;
  version: string;
  namespaced: boolean;
}

/** Where each resource lives in the API. The one table of everybody who speaks the API. */
export const resources: { readonly [R in Resource]: ResourceInfo } = {
  nodes: { kind: 'Node', group: '', version: 'v1', namespaced: false },
  pods: { kind: 'Pod', group: '', version: 'v1', namespaced: true },
  namespaces: { kind: 'Namespace', group: '', version: 'v1', namespaced: false },
  services: { kind: 'Service', group: '', version: 'v1', namespaced: true },
  configmaps: { kind: 'ConfigMap', group: '', version: 'v1', namespaced: true },
  secrets: { kind: 'Secret', group: '', version: 'v1', namespaced: true },
  events: { kind: 'Event', group: '', version: 'v1', namespaced: true },
  persistentvolumeclaims: { kind: 'PersistentVolumeClaim', group: '', version: 'v1', namespaced: true },
  persistentvolumes: { kind: 'PersistentVolume', group: '', version: 'v1', namespaced: false },
  deployments: { kind: 'Deployment', group: 'apps', version: 'v1', namespaced: true },
  replicasets: { kind: 'ReplicaSet', group: 'apps', version: 'v1', namespaced: true },
  statefulsets: { kind: 'StatefulSet', group: 'apps', version: 'v1', namespaced: true },
  daemonsets: { kind: 'DaemonSet', group: 'apps', version: 'v1', namespaced: true },
  jobs: { kind: 'Job', group: 'batch', version: 'v1', namespaced: true },
  horizontalpodautoscalers: {
    kind: 'HorizontalPodAutoscaler',
    group: 'autoscaling',
    version: 'v2',
    namespaced: true,
  },
  poddisruptionbudgets: { kind: 'PodDisruptionBudget', group: 'policy', version: 'v1', namespaced: true },
  endpointslices: { kind: 'EndpointSlice', group: 'discovery.k8s.io', version: 'v1', namespaced: true },
  ingresses: { kind: 'Ingress', group: 'networking.k8s.io', version: 'v1', namespaced: true },
  leases: { kind: 'Lease', group: 'coordination.k8s.io', version: 'v1', namespaced: true },
  storageclasses: { kind: 'StorageClass', group: 'storage.k8s.io', version: 'v1', namespaced: false },
  volumeattachments: { kind: 'VolumeAttachment', group: 'storage.k8s.io', version: 'v1', namespaced: false },
  csinodes: { kind: 'CSINode', group: 'storage.k8s.io', version: 'v1', namespaced: false },
};

/** `v1` or `apps/v1`. */
export function apiVersionOf(resource: Resource): string {
  const { group, version } = resources[resource];
  return group ? `${group}/${version}` : version;
}

/** The resource of an apiVersion and kind, as found in an owner reference; undefined when the suite does not know it. */
export function resourceOf(apiVersion: string, kind: string): Resource | undefined {
  return (Object.keys(resources) as Resource[]).find(
    (r) => resources[r].kind === kind && apiVersionOf(r) === apiVersion,
  );
}

/** The API path of a collection or, with a name, of one object. */
export function pathOf(resource: Resource, namespace?: string, name?: string, subresource?: string): string {
  const { group, version, namespaced } = resources[resource];
  const parts = [group ? `/apis/${group}/${version}` : `/api/${version}`];
  if (namespaced && namespace) parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(resource);
  if (name) parts.push(encodeURIComponent(name));
  if (subresource) parts.push(subresource);
  return parts.join('/');
}
