import { parse } from 'yaml';

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
/** The inputs and outputs tables of an action, made from its action.yml. */
export function tables(actionYaml) {
  const action = parse(actionYaml);
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
export function withTables(markdown, actionYaml) {
  return markdown.replace(
    /(<!-- tables:([a-z-]+) -->\n)[\s\S]*?(<!-- \/tables -->)/g,
    (_, open, action, close) => `${open}\n${tables(actionYaml(action))}\n\n${close}`,
  );
}
