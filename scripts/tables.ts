import { parse } from 'yaml';

interface ActionFile {
  inputs?: Record<string, { description: string; required?: boolean; default?: string }>;
  outputs?: Record<string, { description: string }>;
}

const cell = (text: string): string =>
  text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');

/** The inputs and outputs tables of an action, made from its action.yml. */
export function tables(actionYaml: string): string {
  const action = parse(actionYaml) as ActionFile;
  const inputs = Object.entries(action.inputs ?? {}).map(
    ([name, { description, required, default: value }]) =>
      `| \`${name}\` | ${required ? 'required' : value === undefined ? '' : `\`${cell(String(value))}\``} | ${cell(description)} |`,
  );
  const outputs = Object.entries(action.outputs ?? {}).map(
    ([name, { description }]) => `| \`${name}\` | ${cell(description)} |`,
  );
  return [
    '| Input | Default | |',
    '|---|---|---|',
    ...inputs,
    '',
    '| Output | |',
    '|---|---|',
    ...outputs,
  ].join('\n');
}

/** Puts each action's tables between `<!-- tables:<action> -->` and `<!-- /tables -->`. */
export function withTables(markdown: string, actionYaml: (action: string) => string): string {
  return markdown.replace(
    /(<!-- tables:([a-z-]+) -->\n)[\s\S]*?(<!-- \/tables -->)/g,
    (_, open: string, action: string, close: string) => `${open}\n${tables(actionYaml(action))}\n\n${close}`,
  );
}
