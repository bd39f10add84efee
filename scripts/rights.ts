import { iamPolicy, statements } from '../src/aws/rights.ts';
import { type Role, roles, rolesToLook } from '../src/kubernetes/rights.ts';
import { rbacFile } from './rbac.ts';

const yes = (holds: boolean | undefined): string => (holds ? 'yes' : '');

/** The statements of the policies, with what each is for. */
const awsTable = (): string =>
  [
    '| Statement | Actions | What for | To look only |',
    '|---|---|---|---|',
    ...statements.map(({ sid, purpose, calls, looksOnly }) => {
      const actions = Object.keys(calls).map((a) => `\`${a}\``);
      return `| \`${sid}\` | ${actions.join(', ')} | ${purpose} | ${yes(looksOnly)} |`;
    }),
  ].join('\n');

/** The files that say which rights the suite needs, and the tables that explain them in `docs/rights.md`. */
export function rightsFiles(document: string): Map<string, string> {
  const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ['docs/iam-policy.json', json(iamPolicy('all'))],
    ['docs/iam-policy-plan.json', json(iamPolicy('lookers'))],
    ['docs/rbac.yaml', rbacFile(head('rbac.yaml', 'eks-rolling'), 'eks-rolling', roles)],
    [
      'docs/rbac-plan.yaml',
      rbacFile(head('rbac-plan.yaml', 'eks-rolling-plan'), 'eks-rolling-plan', rolesToLook),
    ],
    [
      'docs/rights.md',
      withTable(withTable(document, 'aws', awsTable()), 'kubernetes', kubernetesTable(roles)),
    ],
  ]);
}

const head = (file: string, group: string): string[] => [
  `The rights of the suite in a cluster: kubectl apply -f docs/${file}`,
  `Then map the IAM role of the workflow to the group ${group}, for example with an EKS access entry:`,
  `  aws eks create-access-entry --cluster-name <cluster> --principal-arn <role> --kubernetes-groups ${group}`,
  'Generated from src/kubernetes/rights.ts.',
];

/** The rules of the roles, with what each is for. */
function kubernetesTable(of: readonly Role[]): string {
  const rows = of.flatMap(({ name, namespace, purpose, rules }) =>
    rules.map((rule, i) => {
      const what = `${rule.verbs.join(', ')} ${rule.targets.map((t) => `\`${t}\``).join(', ')}`;
      const where = `\`${name}\`${namespace ? ` in \`${namespace}\`` : ''}`;
      return `| ${where} | ${what} | ${rule.purpose ?? (i === 0 ? purpose : undefined) ?? ''} | ${yes(rule.looksOnly)} |`;
    }),
  );
  return ['| Role | Rights | What for | To look only |', '|---|---|---|---|', ...rows].join('\n');
}

/** Puts a table between `<!-- rights:<name> -->` and `<!-- /rights -->`. */
function withTable(document: string, name: string, table: string): string {
  const place = new RegExp(`(<!-- rights:${name} -->\n)[\\s\\S]*?(<!-- /rights -->)`);
  if (!place.test(document)) throw new Error(`docs/rights.md has no place <!-- rights:${name} -->.`);
  return document.replace(place, (_, open: string, close: string) => `${open}\n${table}\n\n${close}`);
}
