import { type ResourceInfo, resources } from '../src/cluster/resources.ts';
import type { Role, Rule, Target } from '../src/kubernetes/rights.ts';

/** A file of roles, and of bindings that give them to a group, as people would write it. */
export function rbacFile(head: readonly string[], group: string, roles: readonly Role[]): string {
  const bindings = roles.filter((r) => !r.unbound).map((r) => binding(r, group));
  const documents = [...roles.map(role), ...bindings].map((lines) => lines.join('\n'));
  return `${head.map((line) => `# ${line}\n`).join('')}${documents.join('\n---\n')}\n`;
}

const kindOf = ({ namespace }: Role): string => (namespace ? 'Role' : 'ClusterRole');

function metadata({ name, namespace }: Role): string[] {
  return ['metadata:', `  name: ${name}`, ...(namespace ? [`  namespace: ${namespace}`] : [])];
}

function role(of: Role): string[] {
  return [
    ...(of.purpose ? [`# ${of.purpose}`] : []),
    'apiVersion: rbac.authorization.k8s.io/v1',
    `kind: ${kindOf(of)}`,
    ...metadata(of),
    'rules:',
    ...of.rules.flatMap(rule),
  ];
}

function rule({ purpose, targets, verbs }: Rule): string[] {
  const groups = [...new Set(targets.map(groupOf))];
  if (groups.length !== 1)
    throw new Error(`${targets.join(', ')} are of several API groups; make a rule of each.`);
  return [
    ...(purpose ? [`  # ${purpose}`] : []),
    `  - apiGroups: [${groups[0] || "''"}]`,
    `    resources: [${targets.join(', ')}]`,
    `    verbs: [${verbs.join(', ')}]`,
  ];
}

function groupOf(target: Target): string {
  const info: ResourceInfo | undefined = resources[target.split('/')[0] as keyof typeof resources];
  return info?.group ?? '';
}

function binding(of: Role, group: string): string[] {
  return [
    'apiVersion: rbac.authorization.k8s.io/v1',
    `kind: ${kindOf(of)}Binding`,
    ...metadata(of),
    'roleRef:',
    '  apiGroup: rbac.authorization.k8s.io',
    `  kind: ${kindOf(of)}`,
    `  name: ${of.name}`,
    'subjects:',
    '  - apiGroup: rbac.authorization.k8s.io',
    '    kind: Group',
    `    name: ${group}`,
  ];
}
