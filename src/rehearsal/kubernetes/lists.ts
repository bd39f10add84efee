import type { KubernetesObject } from '../../cluster/objects.ts';
import { KubernetesError, type ListQuery } from '../../cluster/ports.ts';
import { apiVersionOf, type Resource, resources } from '../../cluster/resources.ts';
import { parseLabelQuery } from '../../cluster/selectors.ts';
import { messageOf } from '../../text.ts';
import type { Registry } from './registry.ts';
import type { Route } from './route.ts';
import { badRequest } from './validation.ts';

interface Rest {
  items: readonly KubernetesObject[];
  resourceVersion: string;
}

/** How many lists whose end nobody has asked for yet are kept. */
const mostRests = 100;

/** Answers lists, in pages when asked: the pages of one list show one moment, whatever is written between them. */
export class Lists {
  readonly #registry: Registry;
  readonly #rests = new Map<string, Rest>();
  #count = 0;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** @throws KubernetesError 400 for selectors that cannot be read, 400 or 410 for a token that is not known. */
  list(route: Route, query: URLSearchParams): object {
    const { resource } = route;
    const token = query.get('continue');
    const { items, resourceVersion } = token ? this.#rest(token) : this.#all(route, query);
    const limit = Number(query.get('limit') ?? 0) || items.length;
    const page = items.slice(0, limit);
    const left = items.slice(limit);
    const selected = query.get('labelSelector') || query.get('fieldSelector');
    const more =
      left.length === 0
        ? {}
        : {
            continue: this.#keep({ items: left, resourceVersion }),
            ...(selected ? {} : { remainingItemCount: left.length }),
          };
    return {
      kind: `${resources[resource].kind}List`,
      apiVersion: apiVersionOf(resource),
      metadata: { resourceVersion, ...more },
      items: page.map(({ kind: _, apiVersion: __, ...item }) => item),
    };
  }

  #all(route: Route, query: URLSearchParams): Rest {
    return {
      items: this.#registry.list(route.resource, selectionOf(route, query)),
      resourceVersion: String(this.#registry.store.revision),
    };
  }

  #keep(rest: Rest): string {
    const token = Buffer.from(`list-${++this.#count}`).toString('base64url');
    this.#rests.set(token, rest);
    const [oldest] = this.#rests.keys();
    if (this.#rests.size > mostRests && oldest) this.#rests.delete(oldest);
    return token;
  }

  #rest(token: string): Rest {
    const rest = this.#rests.get(token);
    if (rest) return rest;
    if (!/^list-\d+$/.test(Buffer.from(token, 'base64url').toString()))
      throw badRequest('continue key is not valid');
    throw new KubernetesError(
      410,
      'Expired',
      'The provided continue parameter is too old to display a consistent list result.',
    );
  }
}

/** What a list or watch asks for. @throws KubernetesError 400. */
export function selectionOf({ resource, namespace }: Route, query: URLSearchParams): ListQuery {
  const labelSelector = query.get('labelSelector');
  const fieldSelector = query.get('fieldSelector');
  try {
    parseLabelQuery(labelSelector ?? '');
  } catch (error) {
    throw badRequest(`unable to parse requirement: ${messageOf(error)}`);
  }
  if (fieldSelector) checkFields(resource, fieldSelector);
  return {
    ...(namespace ? { namespace } : {}),
    ...(labelSelector ? { labelSelector } : {}),
    ...(fieldSelector ? { fieldSelector } : {}),
  };
}

/** Fields that can be selected by, besides name and namespace: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ */
const selectable: { readonly [R in Resource]?: readonly string[] } = {
  pods: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  nodes: ['spec.unschedulable'],
  namespaces: ['status.phase'],
  secrets: ['type'],
  jobs: ['status.successful'],
  replicasets: ['status.replicas'],
  services: ['spec.clusterIP', 'spec.type'],
  events: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
};

function checkFields(resource: Resource, fieldSelector: string): void {
  const known = ['metadata.name', 'metadata.namespace', ...(selectable[resource] ?? [])];
  for (const part of fieldSelector.split(',')) {
    const [field = ''] = part.trim().split(/[=!]/);
    if (!known.includes(field)) throw badRequest(`field label not supported: ${field}`);
  }
}
