import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubernetesObject } from '../../cluster/objects.ts';
import { KubernetesError, type Patch } from '../../cluster/ports.ts';
import type { ObjectOf, Resource } from '../../cluster/resources.ts';
import { type Access, type Authorize, askedBy, mayAccess } from './authorization.ts';
import { discovery } from './discovery.ts';
import { Lists, selectionOf } from './lists.ts';
import type { Registry } from './registry.ts';
import { type Route, routeOf } from './route.ts';
import { sendJson } from './status.ts';
import type { RemoveOptions } from './store.ts';
import { badRequest } from './validation.ts';
import { serveWatch } from './watch.ts';

type Body = Record<string, unknown>;
const reviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** Answers one request. @throws KubernetesError, which the caller sends as a Status. */
export async function handle(
  registry: Registry,
  request: IncomingMessage,
  response: ServerResponse,
  authorize: Authorize,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://x');
  if (url.pathname === reviewPath) {
    const review = await bodyOf(request);
    const { resourceAttributes } = (review.spec ?? {}) as { resourceAttributes?: Access };
    // Questions about paths that are no resources are not asked by anybody here.
    const allowed = resourceAttributes !== undefined && mayAccess(authorize, resourceAttributes);
    return sendJson(response, { ...review, status: { allowed } }, 201);
  }
  const found = request.method === 'GET' ? discovery(url.pathname) : undefined;
  if (found) return sendJson(response, found);

  const route = routeOf(url.pathname);
  authorize(askedBy(request.method ?? 'GET', route, url.searchParams.has('watch')));
  const dryRun = url.searchParams.get('dryRun') === 'All';
  switch (request.method) {
    case 'GET':
      if (route.name === undefined && url.searchParams.get('watch')) {
        selectionOf(route, url.searchParams);
        return serveWatch(registry.store, route, url.searchParams, request, response);
      }
      return sendJson(response, read(registry, route, url.searchParams));
    case 'POST':
      return create(registry, route, dryRun, await bodyOf(request), response);
    case 'PUT':
      return sendJson(response, update(registry, route, dryRun, await bodyOf(request)));
    case 'PATCH':
      return sendJson(
        response,
        patch(registry, route, dryRun, request.headers['content-type'] ?? '', await bodyOf(request)),
      );
    case 'DELETE':
      return sendJson(response, remove(registry, route, dryRun, url.searchParams, await bodyOf(request)));
    default:
      throw new KubernetesError(
        405,
        'MethodNotAllowed',
        `the server does not allow ${request.method} on the requested resource`,
      );
  }
}

function read(registry: Registry, route: Route, query: URLSearchParams): object {
  const { resource } = route;
  if (route.name !== undefined) {
    if (route.subresource === 'scale') return scaleOf(registry, route);
    return registry.get(resource, { namespace: route.namespace, name: route.name });
  }
  return listsOf(registry).list(route, query);
}

const lists = new WeakMap<Registry, Lists>();

function listsOf(registry: Registry): Lists {
  const known = lists.get(registry) ?? new Lists(registry);
  lists.set(registry, known);
  return known;
}

function create(
  registry: Registry,
  route: Route,
  dryRun: boolean,
  body: Body,
  response: ServerResponse,
): void {
  if (route.subresource === 'eviction') {
    const { name } = (body.metadata ?? {}) as { name?: string };
    if (name !== route.name) throw badRequest('name in URL does not match name in Eviction object');
    const options = (body.deleteOptions ?? {}) as {
      preconditions?: { uid?: string };
      dryRun?: string[];
      gracePeriodSeconds?: number;
    };
    registry.evict({
      namespace: route.namespace ?? '',
      name: route.name ?? '',
      dryRun: dryRun || (options.dryRun ?? []).includes('All'),
      ...(options.preconditions?.uid ? { uid: options.preconditions.uid } : {}),
      ...(options.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds }),
    });
    sendJson(response, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201);
    return;
  }
  sendJson(response, registry.create(route.resource, objectOf(route, body), { dryRun }), 201);
}

function update(registry: Registry, route: Route, dryRun: boolean, body: Body): object {
  if (route.subresource === 'scale')
    return scaleOf(registry, route, (body.spec as { replicas?: number } | undefined)?.replicas);
  return registry.update(route.resource, objectOf(route, body), { dryRun, ...statusOnly(route) });
}

const patchTypes: Record<string, Patch['type']> = {
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/json-patch+json': 'json',
};

function patch(
  registry: Registry,
  route: Route,
  dryRun: boolean,
  contentType: string,
  body: unknown,
): object {
  const type = patchTypes[contentType.split(';')[0]?.trim() ?? ''];
  if (!type)
    throw new KubernetesError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format: ${contentType}`,
    );
  if (route.subresource === 'scale')
    return scaleOf(registry, route, (body as { spec?: { replicas?: number } }).spec?.replicas);
  const ref = { namespace: route.namespace, name: route.name ?? '' };
  return registry.patch(route.resource, ref, { type, body } as Patch, { dryRun, ...statusOnly(route) });
}

function remove(
  registry: Registry,
  route: Route,
  dryRun: boolean,
  query: URLSearchParams,
  body: Body,
): object {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = body as {
    gracePeriodSeconds?: number;
    propagationPolicy?: string;
    preconditions?: { uid?: string; resourceVersion?: string };
  };
  const grace =
    gracePeriodSeconds ??
    (query.has('gracePeriodSeconds') ? Number(query.get('gracePeriodSeconds')) : undefined);
  const options: RemoveOptions = {
    ...preconditions,
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(propagationPolicy
      ? { propagation: propagationPolicy.toLowerCase() as 'background' | 'foreground' | 'orphan' }
      : {}),
  };
  if (route.name !== undefined)
    return registry.remove(
      route.resource,
      { namespace: route.namespace, name: route.name },
      { ...options, dryRun },
    );
  const list = read(registry, route, query) as { items: KubernetesObject[] };
  for (const item of list.items) registry.remove(route.resource, item.metadata, { ...options, dryRun });
  return list;
}

function scaleOf(registry: Registry, route: Route, replicas?: number): object {
  const ref = { namespace: route.namespace, name: route.name ?? '' };
  const scale = registry.scale(route.resource, ref, replicas);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { ...ref, resourceVersion: scale.resourceVersion },
    spec: { replicas: scale.replicas },
    status: { replicas: scale.replicas },
  };
}

const statusOnly = (route: Route): { subresource?: 'status' } =>
  route.subresource === 'status' ? { subresource: 'status' } : {};

function objectOf<R extends Resource>(route: Route & { resource: R }, body: Body): ObjectOf[R] {
  const object = body as unknown as KubernetesObject;
  object.metadata ??= { name: '' };
  const { namespace, name } = object.metadata;
  if (namespace && route.namespace && namespace !== route.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  if (name && route.name && name !== route.name)
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${route.name})`);
  if (route.namespace) object.metadata.namespace = route.namespace;
  if (route.name) object.metadata.name = route.name;
  return object as ObjectOf[R];
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  if (!text) return {};
  try {
    return JSON.parse(text) as Body;
  } catch {
    throw badRequest('the body of the request is not JSON');
  }
}
