import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { KubernetesError } from '../../cluster/ports.ts';
import { resources } from '../../cluster/resources.ts';
import type { Target, Verb } from '../../kubernetes/rights.ts';
import type { Route } from './route.ts';

/** What a request asks leave for; without a namespace it is about the whole cluster. */
export interface Asked {
  verb: Verb;
  target: Target;
  namespace?: string | undefined;
  name?: string | undefined;
}

/** @throws KubernetesError 403 when the user has no right to it. */
export type Authorize = (asked: Asked) => void;

interface Granted {
  metadata: { namespace?: string };
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

/** The roles that users apply, as they ship them. */
export const shippedRoles = (file = 'rbac.yaml'): string =>
  readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');

/** Allows what the Roles and ClusterRoles of a YAML text allow, to one user who is bound to all of them. */
export function authorizer(yaml: string): Authorize {
  const granted = parseAllDocuments(yaml).map((d) => d.toJS() as Granted);
  return (asked) => {
    const group = groupOf(asked.target);
    const may = granted.some(
      ({ metadata, rules = [] }) =>
        (!metadata.namespace || metadata.namespace === asked.namespace) &&
        rules.some(
          (r) =>
            r.apiGroups.includes(group) && r.resources.includes(asked.target) && r.verbs.includes(asked.verb),
        ),
    );
    if (!may) throw new KubernetesError(403, 'Forbidden', forbidden(asked, group));
  };
}

const groupOf = (target: Target): string =>
  resources[target.split('/')[0] as keyof typeof resources]?.group ?? '';

/** In the words of https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go */
function forbidden({ verb, target, namespace, name }: Asked, group: string): string {
  const [resource = ''] = target.split('/');
  const what = [group ? `${resource}.${group}` : resource, name && `"${name}"`].filter(Boolean).join(' ');
  const where = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  return `${what} is forbidden: User "eks-rolling" cannot ${verb} resource "${target}" in API group "${group}" ${where}`;
}

const verbs: Record<string, Verb> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** What a request over HTTP asks leave for. */
export function askedBy(method: string, route: Route, watch: boolean): Asked {
  const { resource, subresource, namespace, name } = route;
  const reading = name === undefined ? (watch ? 'watch' : 'list') : 'get';
  return {
    verb: verbs[method] ?? reading,
    target: (subresource ? `${resource}/${subresource}` : resource) as Target,
    namespace,
    name,
  };
}

/** The resourceAttributes of a SelfSubjectAccessReview. */
export interface Access {
  verb: string;
  resource: string;
  subresource?: string;
  namespace?: string;
}

/** What a SelfSubjectAccessReview answers to a user with these rights. */
export function mayAccess(authorize: Authorize, { verb, resource, subresource, namespace }: Access): boolean {
  const target = subresource ? `${resource}/${subresource}` : resource;
  try {
    authorize({ verb: verb as Verb, target: target as Target, namespace });
    return true;
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 403) return false;
    throw error;
  }
}
