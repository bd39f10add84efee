import jsonPatch from 'fast-json-patch';
import { KubernetesError, type Patch } from '../../cluster/ports.ts';

type Json = Record<string, unknown>;

/**
 * Lists that a strategic merge patch joins by key; every other list is replaced as a whole, node taints included
 * (k8s.io/api/core/v1: `patchMergeKey` tags; `spec.taints` of Node has none).
 */
const mergeKeys: Record<string, string> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  conditions: 'type',
  ownerReferences: 'uid',
  addresses: 'type',
  imagePullSecrets: 'name',
  topologySpreadConstraints: 'topologyKey',
};
/** `ports` of a container are joined by containerPort, those of a service by port. */
const portKeys = ['containerPort', 'port'];
/** Lists of plain values that are joined instead of replaced. */
const mergedPrimitives = new Set(['finalizers']);

/** Applies a patch to a copy of the object. @throws KubernetesError 400 or 422 as the API server does. */
export function applyPatch<T extends object>(object: T, patch: Patch): T {
  const copy = structuredClone(object);
  switch (patch.type) {
    case 'merge':
      return mergePatch(copy, patch.body) as T;
    case 'strategic':
      return strategicPatch(copy as Json, patch.body as Json) as T;
    case 'json':
      try {
        return jsonPatch.applyPatch(copy, patch.body as never, true).newDocument;
      } catch (error) {
        throw new KubernetesError(
          422,
          'Invalid',
          `the server rejected our request due to an error in our request: ${(error as Error).message.split('\n')[0]}`,
        );
      }
  }
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? target : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md */
function strategicPatch(target: Json, patch: Json): Json {
  if (patch.$patch === 'replace') {
    const { $patch: _, ...rest } = patch;
    return rest;
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith('$setElementOrder/')) continue;
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const list = key.slice('$deleteFromPrimitiveList/'.length);
      target[list] = listOf(target[list]).filter((item) => !listOf(value).includes(item));
    } else if (value === null) delete target[key];
    else if (Array.isArray(value)) target[key] = mergeList(key, listOf(target[key]), value);
    else if (isObject(value))
      target[key] = strategicPatch(isObject(target[key]) ? (target[key] as Json) : {}, value);
    else target[key] = value;
  }
  return target;
}

function mergeList(name: string, present: unknown[], patch: unknown[]): unknown[] {
  if (mergedPrimitives.has(name)) return [...new Set([...present, ...patch])];
  const mergeKey =
    name === 'ports'
      ? portKeys.find((k) => patch.some((item) => isObject(item) && k in item))
      : mergeKeys[name];
  if (!mergeKey) return patch.filter((item) => !(isObject(item) && item.$patch));
  const result = [...present];
  for (const item of patch as Json[]) {
    const at = result.findIndex((other) => isObject(other) && other[mergeKey] === item[mergeKey]);
    if (item.$patch === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at >= 0) result[at] = strategicPatch(result[at] as Json, item);
    else result.push(item);
  }
  return result;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
