import { type Resource, resources } from '../../cluster/resources.ts';

export const servedVersion = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0-eks-rehearsal',
  platform: 'linux/amd64',
};

const all = Object.keys(resources) as Resource[];
const groups = [...new Set(all.map((r) => resources[r].group).filter(Boolean))];

/** The answers of `/version`, the health endpoints and API discovery; undefined for any other path. */
export function discovery(path: string): object | undefined {
  if (path === '/version') return servedVersion;
  if (path === '/healthz' || path === '/livez' || path === '/readyz') return { status: 'ok' };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') {
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groups.map((name) => {
        const version = { groupVersion: `${name}/v1`, version: 'v1' };
        return { name, versions: [version], preferredVersion: version };
      }),
    };
  }
  const group = path === '/api/v1' ? '' : /^\/apis\/([^/]+)\/v1$/.exec(path)?.[1];
  if (group === undefined || (group !== '' && !groups.includes(group))) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group ? `${group}/v1` : 'v1',
    resources: all
      .filter((r) => resources[r].group === group)
      .map((name) => ({
        name,
        kind: resources[name].kind,
        namespaced: resources[name].namespaced,
        verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      })),
  };
}
