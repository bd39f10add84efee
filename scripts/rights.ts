import { iamPolicy, statements } from '../src/aws/rights.ts';

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
    ['docs/rights.md', withTable(document, 'aws', awsTable())],
  ]);
}

/** Puts a table between `<!-- rights:<name> -->` and `<!-- /rights -->`. */
function withTable(document: string, name: string, table: string): string {
  const place = new RegExp(`(<!-- rights:${name} -->\n)[\\s\\S]*?(<!-- /rights -->)`);
  if (!place.test(document)) throw new Error(`docs/rights.md has no place <!-- rights:${name} -->.`);
  return document.replace(place, (_, open: string, close: string) => `${open}\n${table}\n\n${close}`);
}
