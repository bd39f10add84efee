import type {
  ConfigMap,
  Deployment,
  KubernetesObject,
  Lease,
  Node,
  PodDisruptionBudget,
} from '../../cluster/objects.ts';
import { KubernetesError } from '../../cluster/ports.ts';
import type { ObjectOf, Resource } from '../../cluster/resources.ts';
import { matchesSelector } from '../../cluster/selectors.ts';
import { type Cause, invalid } from './memory-store.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;
const base64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const dataKey = /^[-._a-zA-Z0-9]{1,253}$/;
const maxDataBytes = 1024 * 1024;

/** What the API server refuses before it stores anything; only what somebody here may get wrong. @throws KubernetesError 400 or 422. */
export function validate<R extends Resource>(
  resource: R,
  object: ObjectOf[R],
  present: ObjectOf[R] | undefined,
): void {
  decode(resource, object);
  const causes = [
    ...metadataCauses(object, present),
    ...(checks[resource] ?? (() => []))(object as never, present as never),
  ];
  if (causes.length > 0) throw invalid(resource, object.metadata.name ?? '', ...causes);
}

/** What does not even have the shape of the kind is no request. */
function decode(resource: Resource, object: KubernetesObject): void {
  const { labels, annotations } = object.metadata;
  for (const map of [labels, annotations])
    if (map && (Array.isArray(map) || Object.values(map).some((v) => typeof v !== 'string')))
      throw badRequest('labels and annotations are maps of strings');
  if (resource === 'leases') {
    const { acquireTime, renewTime } = (object as Lease).spec ?? {};
    for (const time of [acquireTime, renewTime])
      if (time && !microTime.test(time)) throw badRequest(`parsing time ${JSON.stringify(time)}`);
  }
  if (resource === 'configmaps')
    for (const bytes of Object.values(binaryDataOf(object as ConfigMap)))
      if (!base64.test(bytes)) throw badRequest('illegal base64 data');
}

export const badRequest = (message: string): KubernetesError =>
  new KubernetesError(400, 'BadRequest', message);

function metadataCauses(object: KubernetesObject, present: KubernetesObject | undefined): Cause[] {
  const { name, finalizers = [] } = object.metadata;
  if (!present) {
    if (!name || (name.length <= 253 && subdomain.test(name))) return [];
    const message = `Invalid value: ${JSON.stringify(name)}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`;
    return [{ reason: 'FieldValueInvalid', field: 'metadata.name', message }];
  }
  const added = finalizers.filter((f) => !present.metadata.finalizers?.includes(f));
  if (!present.metadata.deletionTimestamp || added.length === 0) return [];
  const message = 'Forbidden: no new finalizers can be added if the object is being deleted';
  return [{ reason: 'FieldValueForbidden', field: 'metadata.finalizers', message }];
}

const checks: { [R in Resource]?: (object: ObjectOf[R], present: ObjectOf[R] | undefined) => Cause[] } = {
  configmaps: configMapCauses,
  deployments: selectorCauses,
  replicasets: selectorCauses,
  statefulsets: selectorCauses,
  daemonsets: selectorCauses,
  leases: leaseCauses,
  nodes: nodeCauses,
  poddisruptionbudgets: budgetCauses,
};

function configMapCauses(map: ConfigMap & { immutable?: boolean }, present: ConfigMap | undefined): Cause[] {
  const binary = binaryDataOf(map);
  const causes: Cause[] = Object.keys({ ...map.data, ...binary })
    .filter((key) => !dataKey.test(key))
    .map((key) => ({
      reason: 'FieldValueInvalid',
      field: `data[${key}]`,
      message: `Invalid value: ${JSON.stringify(key)}`,
    }));
  const bytes =
    Object.values(map.data ?? {}).reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
    Object.values(binary).reduce((sum, text) => sum + Buffer.byteLength(text, 'base64'), 0);
  if (bytes > maxDataBytes)
    causes.push({
      reason: 'FieldValueTooLong',
      field: '',
      message: `Too long: may not be more than ${maxDataBytes} bytes`,
    });
  const frozen = (present as { immutable?: boolean } | undefined)?.immutable === true;
  if (frozen && JSON.stringify(map.data) !== JSON.stringify(present?.data))
    causes.push({
      reason: 'FieldValueForbidden',
      field: 'data',
      message: 'Forbidden: field is immutable when `immutable` is set',
    });
  return causes;
}

const binaryDataOf = (map: ConfigMap): Record<string, string> =>
  (map as { binaryData?: Record<string, string> }).binaryData ?? {};

function selectorCauses({ spec }: Pick<Deployment, 'spec'>): Cause[] {
  if (matchesSelector(spec.selector, spec.template.metadata?.labels)) return [];
  const message = 'Invalid value: `selector` does not match template `labels`';
  return [{ reason: 'FieldValueInvalid', field: 'spec.template.metadata.labels', message }];
}

function leaseCauses({ metadata, spec }: Lease, present: Lease | undefined): Cause[] {
  const causes: Cause[] = [];
  if (present && !metadata.resourceVersion)
    causes.push({
      reason: 'FieldValueInvalid',
      field: 'metadata.resourceVersion',
      message: 'Invalid value: 0x0: must be specified for an update',
    });
  if (spec?.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0)
    causes.push({
      reason: 'FieldValueInvalid',
      field: 'spec.leaseDurationSeconds',
      message: `Invalid value: ${spec.leaseDurationSeconds}: must be greater than 0`,
    });
  return causes;
}

function nodeCauses({ spec }: Node): Cause[] {
  const seen = new Set<string>();
  return (spec?.taints ?? []).flatMap(({ key, effect }, i): Cause[] => {
    const known = seen.has(`${key}:${effect}`);
    seen.add(`${key}:${effect}`);
    const message = 'Duplicate value: taints must be unique by key and effect pair';
    return known ? [{ reason: 'FieldValueDuplicate', field: `metadata.taints[${i}]`, message }] : [];
  });
}

function budgetCauses({ spec }: PodDisruptionBudget): Cause[] {
  if (spec.minAvailable === undefined || spec.maxUnavailable === undefined) return [];
  const message = 'Invalid value: minAvailable and maxUnavailable cannot be both set';
  return [{ reason: 'FieldValueInvalid', field: 'spec', message }];
}
