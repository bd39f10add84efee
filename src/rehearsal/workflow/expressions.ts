import type { ExpressionData } from '@actions/expressions/data/expressiondata';
import { githubPackages } from './github-packages.ts';

export type Status = 'success' | 'failure' | 'cancelled';
export type Contexts = Record<string, unknown>;

/** Evaluates `${{ }}` as GitHub does, with the status functions of a job. */
export interface Evaluator {
  /** Replaces every `${{ }}` in a text. */
  text(value: unknown, contexts: Contexts, status: Status): string;
  /** An `if`: empty means success(), and success() is implied when no status function is named. */
  condition(value: unknown, contexts: Contexts, status: Status): boolean;
}

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
    (['always', 'success', 'failure', 'cancelled'] as const).map((name) => ({
      name,
      minArgs: 0,
      maxArgs: 0,
      call: () => new data.BooleanData(name === 'always' || status === name),
    }));
  const evaluate = (source: string, contexts: Contexts, status: Status): ExpressionData => {
    const functions = statusFunctions(status);
    const { tokens } = new Lexer(source).lex();
    const parsed = new Parser(tokens, Object.keys(contexts), functions).parse();
    return new Engine(
      parsed,
      toData(contexts) as never,
      new Map(functions.map((f) => [f.name, f])),
    ).evaluate();
  };

  return {
    text(value, contexts, status) {
      if (value === undefined || value === null) return '';
      return String(value).replace(/\$\{\{([\s\S]*?)\}\}/g, (_, source: string) =>
        evaluate(source.trim(), contexts, status).coerceString(),
      );
    },
    condition(value, contexts, status) {
      let source = String(value ?? '').trim();
      source = /^\$\{\{([\s\S]*)\}\}$/.exec(source)?.[1]?.trim() ?? source;
      if (!source) source = 'success()';
      if (!/\b(always|success|failure|cancelled)\s*\(/.test(source)) source = `success() && (${source})`;
      const result = evaluate(source, contexts, status);
      return !['', '0', 'false'].includes(result.coerceString());
    },
  };
}
