import type { LabelSelector, Labels } from './objects.ts';

/**
 * Whether a LabelSelector selects these labels. A missing selector selects nothing, an empty one everything, as
 * policy/v1 and apps/v1 define it (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/).
 */
export function matchesSelector(
  selector: LabelSelector | null | undefined,
  labels: Labels | undefined,
): boolean {
  if (!selector) return false;
  const present = labels ?? {};
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => present[key] === value);
  return equal && (selector.matchExpressions ?? []).every((e) => matchesRequirement(e, present));
}

interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
}

function matchesRequirement({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Whether a label query as in `?labelSelector=` (`app=web,tier!=cache,zone in (a,b),!old`) selects these labels. */
export function matchesLabelQuery(query: string | undefined, labels: Labels | undefined): boolean {
  return parseLabelQuery(query).every((requirement) => matchesRequirement(requirement, labels ?? {}));
}

/** @throws Error naming the part that cannot be read. */
export function parseLabelQuery(query: string | undefined): Requirement[] {
  const parts = (query ?? '').match(/[^,(]+(\([^)]*\))?/g) ?? [];
  return parts
    .map((part) => part.trim())
    .filter(Boolean)
    .map(parseRequirement);
}

function parseRequirement(part: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part);
  if (set) {
    const values = (set[3] ?? '').split(',').map((v) => v.trim());
    return { key: set[1] ?? '', operator: set[2] === 'in' ? 'In' : 'NotIn', values };
  }
  const comparison = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(part);
  if (comparison)
    return {
      key: comparison[1] ?? '',
      operator: comparison[2] === '!=' ? 'NotIn' : 'In',
      values: [comparison[3] ?? ''],
    };
  if (/^![^=!\s]+$/.test(part)) return { key: part.slice(1), operator: 'DoesNotExist' };
  if (/^[^=!\s()]+$/.test(part)) return { key: part, operator: 'Exists' };
  throw new Error(
    `label selector: got ${JSON.stringify(part)}, expected something like app=web, app!=web, app in (a,b), app or !app`,
  );
}
