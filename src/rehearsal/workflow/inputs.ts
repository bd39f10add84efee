import type { WorkflowInput } from './model.ts';

/** What an input is in the context `inputs`; in `github.event.inputs` all are texts. */
export type InputValue = string | number | boolean;

/**
 * The inputs of a workflow_dispatch as the page and the API take them.
 * @throws Error with every problem: unknown, missing, or of the wrong type.
 */
export function readInputs(
  specs: Record<string, WorkflowInput>,
  given: Record<string, string>,
): Record<string, InputValue> {
  const problems = Object.keys(given)
    .filter((name) => !(name in specs))
    .map((name) => `${name} is not an input of the workflow`);
  const inputs: Record<string, InputValue> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const text = given[name] ?? (spec.default === undefined ? '' : String(spec.default));
    if (spec.required && text === '') problems.push(`${name} is required`);
    else if (text !== '' && !fits(text, spec))
      problems.push(`${name}: got ${text}, expected ${wanted(spec)}`);
    inputs[name] = typed(text, spec);
  }
  if (problems.length > 0) throw new Error(`The inputs do not fit the workflow:\n${problems.join('\n')}`);
  return inputs;
}

function fits(text: string, { type, options = [] }: WorkflowInput): boolean {
  if (type === 'boolean') return text === 'true' || text === 'false';
  if (type === 'number') return Number.isFinite(Number(text));
  return type !== 'choice' || options.map(String).includes(text);
}

function wanted({ type, options = [] }: WorkflowInput): string {
  if (type === 'boolean') return 'true or false';
  return type === 'number' ? 'a number' : `one of ${options.join(', ')}`;
}

function typed(text: string, { type }: WorkflowInput): InputValue {
  if (type === 'boolean') return text === 'true';
  return type === 'number' && text !== '' ? Number(text) : text;
}
