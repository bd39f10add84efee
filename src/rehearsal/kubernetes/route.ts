import { KubernetesError } from '../../cluster/ports.ts';
import { type Resource, resources } from '../../cluster/resources.ts';

/** What a path of the API names. */
export interface Route {
  resource: Resource;
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** Reads `/api/v1/namespaces/shop/pods/web-1/eviction` and the like. @throws KubernetesError 404 for what is not served. */
export function routeOf(path: string): Route {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  const core = parts[0] === 'api';
  const [group, version, rest] = core ? ['', parts[1], parts.slice(2)] : [parts[1], parts[2], parts.slice(3)];
  // `namespaces/x/pods` is about pods; `namespaces/x` is about the namespace itself.
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [plural, name, subresource] = namespaced ? rest.slice(2) : rest;
  const resource = plural as Resource | undefined;
  const info = resource === undefined ? undefined : resources[resource];
  if (!resource || !info || info.group !== group || info.version !== version) {
    throw new KubernetesError(404, 'NotFound', 'the server could not find the requested resource');
  }
  return {
    resource,
    ...(namespaced ? { namespace: rest[1] ?? '' } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}
