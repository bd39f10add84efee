import { readFileSync } from 'node:fs';

/** The workflow files of a README: YAML blocks whose first line says where the file belongs. */
export function workflowFiles(readme: string): Record<string, string> {
  return Object.fromEntries(
    blocks(readme, 'yaml').flatMap((text) => {
      const [, path] = /^# (\.github\/workflows\/[\w-]+\.yml)\n/.exec(text) ?? [];
      return path ? [[path, text]] : [];
    }),
  );
}

/** The other YAML blocks: steps to put into such a file. */
export const stepSnippets = (readme: string): string[] =>
  blocks(readme, 'yaml').filter((text) => !text.startsWith('# .github/'));

/** What a command of a README asks of GitHub. */
export type Command =
  | { does: 'run'; file: string; inputs: Record<string, string> }
  | { does: 'cancel'; file: string };

/** The commands under a heading, in their order. @throws Error when one is there that nobody here understands. */
export function commandsUnder(readme: string, heading: string): Command[] {
  const section = readme.split(/^##+ /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`There is no heading ${heading}.`);
  return blocks(section, 'sh').flatMap((text) => text.trim().split('\n').map(commandOf));
}

function commandOf(line: string): Command {
  const [, started, fields = ''] = /^gh workflow run ([\w-]+\.yml)((?: -f [\w-]+=\S+)*)$/.exec(line) ?? [];
  if (started) {
    const pairs = [...fields.matchAll(/ -f ([\w-]+)=(\S+)/g)].map((m) => [m[1], m[2]]);
    return { does: 'run', file: `.github/workflows/${started}`, inputs: Object.fromEntries(pairs) };
  }
  const [, cancelled] =
    /^gh run cancel "\$\(gh run list --workflow ([\w-]+\.yml) --status in_progress --limit 1 --json databaseId --jq '\.\[0\]\.databaseId'\)"$/.exec(
      line,
    ) ?? [];
  if (cancelled) return { does: 'cancel', file: `.github/workflows/${cancelled}` };
  throw new Error(`Nobody here understands the command ${line}`);
}

const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((m) => m[1] ?? '');

export const readmeOf = (action: string): string =>
  readFileSync(new URL(`../../actions/${action}/README.md`, import.meta.url), 'utf8');
