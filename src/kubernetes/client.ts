import type { Clock } from '../clock.ts';
import {
  type EvictionAnswer,
  type Kubernetes,
  KubernetesError,
  type ListOf,
  type ListQuery,
  type Patch,
} from '../cluster/ports.ts';
import { apiVersionOf, type ObjectOf, pathOf, type Resource, resources } from '../cluster/resources.ts';
import { describeDuration, messageOf } from '../text.ts';
import { type ApiRequest, type Connection, readBody, send } from './connection.ts';
import { errorFrom, evictionAnswer } from './errors.ts';
import { openPort } from './port-forward.ts';
import { mayCreateAgain, patienceMs, retrying } from './retry.ts';
import { listAndWatch } from './watch.ts';

const contentTypes: Record<Patch['type'], string> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
};
const pageSize = '500';
const sayEveryMs = 10_000;

interface Page<R extends Resource> {
  items: ObjectOf[R][];
  metadata: { resourceVersion: string; continue?: string };
}

/**
 * The Kubernetes port over HTTPS. Reads and idempotent writes are sent again after throttling, server errors and broken
 * connections; a create without a name only after throttling, because it may have arrived.
 */
export function kubernetesClient(
  connection: Connection,
  clock: Clock,
  signal: AbortSignal,
  say: (line: string) => void = () => {},
): Kubernetes {
  let known = false;
  let said = Number.NEGATIVE_INFINITY;
  const once = async <T>(request: ApiRequest): Promise<T> => {
    const response = await send(connection, request, signal);
    known = true;
    const body = await readBody(response);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw errorFrom(`${request.method} ${request.path}`, response, body);
    return (body ? JSON.parse(body) : {}) as T;
  };
  const call = <T>(request: ApiRequest, idempotent = true): Promise<T> =>
    retrying(
      {
        clock,
        signal,
        idempotent,
        patienceMs: () => (known ? patienceMs.known : patienceMs.unknown),
        onFailure(error, leftMs) {
          if (clock.now() - said < sayEveryMs) return;
          said = clock.now();
          say(
            `The Kubernetes API does not serve (${messageOf(error)}); trying again for ${describeDuration(leftMs)} at most.`,
          );
        },
      },
      () => once<T>(request),
    );

  const list = async <R extends Resource>(
    resource: R,
    query: ListQuery = {},
  ): Promise<ListOf<ObjectOf[R]>> => {
    let items: ObjectOf[R][] = [];
    let token: string | undefined;
    for (;;) {
      const page: Page<R> | undefined = await call<Page<R>>({
        method: 'GET',
        path: pathOf(resource, query.namespace),
        query: { ...selectors(query), limit: pageSize, continue: token },
      }).catch((error) => {
        if (token && error instanceof KubernetesError && error.status === 410) return undefined;
        throw error;
      });
      if (!page) {
        // The list it began with is forgotten by now: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        items = [];
        token = undefined;
        continue;
      }
      for (const item of page.items)
        items.push({ ...item, apiVersion: apiVersionOf(resource), kind: resources[resource].kind });
      token = page.metadata.continue;
      if (!token) return { items, resourceVersion: page.metadata.resourceVersion };
    }
  };

  return {
    list,
    async get(resource, ref) {
      try {
        return await call({ method: 'GET', path: pathOf(resource, ref.namespace, ref.name) });
      } catch (error) {
        if (error instanceof KubernetesError && error.status === 404) return undefined;
        throw error;
      }
    },
    create(resource, object) {
      const body = { ...object, apiVersion: apiVersionOf(resource), kind: resources[resource].kind };
      const path = pathOf(resource, object.metadata.namespace);
      return call({ method: 'POST', path, body }, mayCreateAgain(object));
    },
    update(resource, object) {
      const body = { ...object, apiVersion: apiVersionOf(resource), kind: resources[resource].kind };
      return call({
        method: 'PUT',
        path: pathOf(resource, object.metadata.namespace, object.metadata.name),
        body,
      });
    },
    patch(resource, ref, patch) {
      const path = pathOf(resource, ref.namespace, ref.name);
      return call({ method: 'PATCH', path, body: patch.body, contentType: contentTypes[patch.type] });
    },
    async remove(resource, ref, options = {}) {
      const { uid, resourceVersion, gracePeriodSeconds } = options;
      const preconditions =
        uid || resourceVersion
          ? { preconditions: { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) } }
          : {};
      const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
        ...preconditions,
        ...grace,
      };
      try {
        await call({ method: 'DELETE', path: pathOf(resource, ref.namespace, ref.name), body });
        return true;
      } catch (error) {
        const gone =
          error instanceof KubernetesError &&
          (error.status === 404 || (error.status === 409 && uid !== undefined && !resourceVersion));
        if (gone) return false;
        throw error;
      }
    },
    async evict(pod, options = {}): Promise<EvictionAnswer> {
      const body = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: pod.name, namespace: pod.namespace },
        deleteOptions: {
          preconditions: { uid: pod.uid },
          ...(options.gracePeriodSeconds === undefined
            ? {}
            : { gracePeriodSeconds: options.gracePeriodSeconds }),
          ...(options.dryRun ? { dryRun: ['All'] } : {}),
        },
      };
      const query = options.dryRun ? { dryRun: 'All' } : {};
      try {
        await once({
          method: 'POST',
          path: pathOf('pods', pod.namespace, pod.name, 'eviction'),
          query,
          body,
        });
        return { kind: 'accepted' };
      } catch (error) {
        signal.throwIfAborted();
        // A connection that broke says nothing about the pod; the caller looks again and asks again.
        if (!(error instanceof KubernetesError))
          return { kind: 'busy', message: error instanceof Error ? error.message : String(error) };
        return evictionAnswer(error);
      }
    },
    watch(resource, query, watchSignal, synced) {
      const source = {
        path: pathOf(resource, query.namespace),
        query: selectors(query),
        list: () => list(resource, query),
      };
      return listAndWatch(connection, source, clock, AbortSignal.any([signal, watchSignal]), synced);
    },
    portForward: (pod, port) => openPort(connection, pod, port),
    async canI(access) {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: access },
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const review = await call<{ status?: { allowed?: boolean } }>({ method: 'POST', path, body });
      return review.status?.allowed === true;
    },
    version: () => call({ method: 'GET', path: '/version' }),
  };
}

function selectors(query: ListQuery): Record<string, string | undefined> {
  return { labelSelector: query.labelSelector, fieldSelector: query.fieldSelector };
}
