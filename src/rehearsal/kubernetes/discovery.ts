import { type Resource, resources } from '../../cluster/resources.ts';
import { hasStatus } from './memory-store.ts';

export const servedVersion = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0-eks-rehearsal',
  platform: 'linux/amd64',
};

const all = Object.keys(resources) as Resource[];
/** Each group is served in one version. */
const versions = new Map(
  all.flatMap((r) => (resources[r].group ? [[resources[r].group, resources[r].version] as const] : [])),
);

/** The answers of `/version`, the health endpoints and API discovery; undefined for any other path. */
export function discovery(path: string): object | undefined {
  if (path === '/version') return servedVersion;
  if (path === '/healthz' || path === '/livez' || path === '/readyz') return { status: 'ok' };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') {
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [...versions].map(([name, version]) => {
        const served = { groupVersion: `${name}/${version}`, version };
        return { name, versions: [served], preferredVersion: served };
      }),
    };
  }
  const [, named, version = 'v1'] = /^\/apis\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const group = path === '/api/v1' ? '' : named;
  if (group === undefined || (group !== '' && versions.get(group) !== version)) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group ? `${group}/${version}` : 'v1',
    resources: all.filter((r) => resources[r].group === group).flatMap(listed),
  };
}

const scalable: readonly Resource[] = ['deployments', 'replicasets', 'statefulsets'];

/** A resource and its subresources. */
function listed(name: Resource): object[] {
  const { kind, namespaced } = resources[name];
  const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
  const entry = { name, kind, namespaced, verbs };
  const sub = (subresource: string, verbs: string[], more: object = {}) => ({
    ...entry,
    name: `${name}/${subresource}`,
    verbs,
    ...more,
  });
  return [
    entry,
    ...(hasStatus(name) ? [sub('status', ['get', 'patch', 'update'])] : []),
    ...(scalable.includes(name)
      ? [sub('scale', ['get', 'patch', 'update'], { group: 'autoscaling', version: 'v1', kind: 'Scale' })]
      : []),
    ...(name === 'pods'
      ? [
          sub('eviction', ['create'], { group: 'policy', version: 'v1', kind: 'Eviction' }),
          sub('portforward', ['create', 'get'], { kind: 'PodPortForwardOptions' }),
        ]
      : []),
  ];
}
