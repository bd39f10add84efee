import { parse as parseYaml } from 'yaml';
import { messageOf } from '../text.ts';

/** Inputs that cannot be used; nothing was touched. */
export class BadInput extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `Nothing was touched, because ${problems.length === 1 ? 'an input is' : `${problems.length} inputs are`} wrong:\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.name = 'BadInput';
    this.problems = problems;
  }
}

const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads typed values out of raw inputs and collects every problem, so that the user sees all of them at once.
 * Each method returns a usable value even when there was a problem; `finish` throws if there was any.
 */
export class InputReader {
  readonly #raw: Readonly<Record<string, string>>;
  readonly problems: string[] = [];
  constructor(raw: Readonly<Record<string, string>>) {
    this.#raw = raw;
  }

  problem(name: string, got: string, expected: string): void {
    this.problems.push(`${name}: got ${got === '' ? 'nothing' : JSON.stringify(got)}, expected ${expected}`);
  }

  /** The trimmed text; empty when it was not given. */
  text(name: string): string {
    return (this.#raw[name] ?? '').trim();
  }

  required(name: string, expected: string): string {
    const value = this.text(name);
    if (!value) this.problem(name, '', expected);
    return value;
  }

  choice<const T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.text(name);
    const found = allowed.find((a) => a === value);
    if (found === undefined) this.problem(name, value, `one of ${allowed.join(', ')}`);
    return found ?? (allowed[0] as T);
  }

  flag(name: string): boolean {
    return this.choice(name, ['true', 'false']) === 'true';
  }

  /** A number within bounds; `integer` refuses fractions. */
  number(name: string, bounds: { min: number; max: number; integer?: boolean }): number {
    const value = this.text(name);
    const number = Number(value);
    const bad =
      value === '' ||
      !Number.isFinite(number) ||
      number < bounds.min ||
      number > bounds.max ||
      (bounds.integer && !Number.isInteger(number));
    if (bad)
      this.problem(
        name,
        value,
        `${bounds.integer ? 'a whole number' : 'a number'} from ${bounds.min} to ${bounds.max}`,
      );
    return bad ? bounds.min : number;
  }

  /** Milliseconds from `90s`, `15m`, `1h30m`, `30d` or `500ms`. */
  duration(name: string, bounds: { minMs?: number; maxMs?: number } = {}): number {
    const value = this.text(name);
    const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
    const total = parts.reduce(
      (sum, [, amount, unit]) => sum + Number(amount) * (durationUnits[unit ?? ''] ?? 0),
      0,
    );
    const whole = parts.map((p) => p[0]).join('') === value;
    if (
      !value ||
      !whole ||
      total < (bounds.minMs ?? 0) ||
      total > (bounds.maxMs ?? Number.POSITIVE_INFINITY)
    ) {
      this.problem(
        name,
        value,
        'a duration such as 500ms, 90s, 15m or 1h30m' +
          (bounds.minMs ? ` of at least ${bounds.minMs} ms` : '') +
          (bounds.maxMs ? ` and at most ${bounds.maxMs} ms` : ''),
      );
      return bounds.minMs ?? 0;
    }
    return total;
  }

  /** Names separated by commas, white space or new lines, or a YAML list. */
  list(name: string): string[] {
    return this.text(name)
      .split(/[\s,]+/)
      .map((item) => item.replace(/^-$/, ''))
      .filter(Boolean);
  }

  /** A YAML (or JSON) document; `check` returns the value or throws an error that says what is wrong with it. */
  yaml<T>(name: string, check: (document: unknown) => T, fallback: T): T {
    const value = this.text(name);
    if (!value) return fallback;
    try {
      return check(parseYaml(value));
    } catch (error) {
      this.problems.push(`${name}: ${messageOf(error).split('\n')[0]}`);
      return fallback;
    }
  }

  /** @throws BadInput when any value was wrong. */
  finish(): void {
    if (this.problems.length > 0) throw new BadInput(this.problems);
  }
}
