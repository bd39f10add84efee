import type { ExpressionData } from '@actions/expressions/data/expressiondata';
import { githubPackages } from './github-packages.ts';

/** What success(), failure() and cancelled() say; all three are false after a skipped need. */
export interface Status {
  success: boolean;
  failure: boolean;
  cancelled: boolean;
}
export type Contexts = Record<string, unknown>;

export const fine: Status = { success: true, failure: false, cancelled: false };

/** Evaluates `${{ }}` as GitHub does, with the status functions in an `if`. */
export interface Evaluator {
  /** Replaces every `${{ }}` in a text. */
  text(value: unknown, contexts: Contexts): string;
  /** An `if`: empty means success(), and success() is implied when no status function is named. */
  condition(value: unknown, contexts: Contexts, status: Status): boolean;
}

/** `}}` inside a quoted string does not end an expression. */
const embedded = /\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}/g;
const whole = /^\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}$/;
const namesStatus = /\b(always|success|failure|cancelled)\s*\(/;

export async function makeEvaluator(): Promise<Evaluator> {
  const { expressions } = await githubPackages();
  const { data, Lexer, Parser, Evaluator: Engine } = expressions;

  const toData = (value: unknown): ExpressionData => {
    if (value === undefined || value === null) return new data.Null();
    if (typeof value === 'string') return new data.StringData(value);
    if (typeof value === 'number') return new data.NumberData(value);
    if (typeof value === 'boolean') return new data.BooleanData(value);
    if (Array.isArray(value)) return new data.Array(...value.map(toData));
    return new data.Dictionary(...Object.entries(value).map(([key, v]) => ({ key, value: toData(v) })));
  };
  const statusFunctions = (status: Status) =>
    Object.entries({ always: true, ...status }).map(([name, value]) => ({
      name,
      minArgs: 0,
      maxArgs: 0,
      call: () => new data.BooleanData(value),
    }));
  const evaluate = (source: string, contexts: Contexts, status?: Status): ExpressionData => {
    const functions = status ? statusFunctions(status) : [];
    const { tokens } = new Lexer(source).lex();
    const parsed = new Parser(tokens, Object.keys(contexts), functions).parse();
    return new Engine(
      parsed,
      toData(contexts) as never,
      new Map(functions.map((f) => [f.name, f])),
    ).evaluate();
  };
  /** A text is true unless it is empty, also 'false' and '0': only the values false, 0 and null are not. */
  const truthy = (value: ExpressionData): boolean =>
    value.kind === data.Kind.String
      ? value.value !== ''
      : !['', '0', 'false', 'NaN'].includes(value.coerceString());

  return {
    text: (value, contexts) =>
      String(value ?? '').replace(embedded, (_, source: string) =>
        evaluate(source.trim(), contexts).coerceString(),
      ),
    condition(value, contexts, status) {
      const written = String(value ?? '').trim();
      const source = (whole.exec(written)?.[1] ?? written).trim() || 'success()';
      return truthy(
        evaluate(namesStatus.test(source) ? source : `success() && (${source})`, contexts, status),
      );
    },
  };
}
