import type { KubernetesObject } from '../../cluster/objects.ts';
import { KubernetesError } from '../../cluster/ports.ts';

/** Whether a field query as in `?fieldSelector=` (`spec.nodeName=a,status.phase!=Failed`) selects the object. */
export function matchesFields(query: string, object: KubernetesObject): boolean {
  return query.split(',').every((part) => {
    const parsed = /^([^=!]+)(==|=|!=)(.*)$/.exec(part.trim());
    if (!parsed)
      throw new KubernetesError(400, 'BadRequest', `invalid field selector: ${JSON.stringify(part)}`);
    const [, path = '', operator, wanted = ''] = parsed;
    return (valueAt(object, path) === wanted) === (operator !== '!=');
  });
}

function valueAt(object: unknown, path: string): string {
  let value: unknown = object;
  for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
  return value === undefined || value === null ? '' : String(value);
}
