/**
 * Reads one entry of a YAML list that a user wrote, and collects what is wrong with it as `entry 2: url is missing`.
 * Each method returns a usable value even when there was a problem.
 */
export class EntryReader {
  readonly #given: Record<string, unknown>;
  readonly #where: string;
  readonly #problems: string[];

  constructor(entry: unknown, number: number, known: readonly string[], problems: string[]) {
    this.#given = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
    this.#where = `entry ${number}`;
    this.#problems = problems;
    for (const key of Object.keys(this.#given)) {
      if (!known.includes(key)) this.problem(`unknown key ${key}, expected one of ${known.join(', ')}`);
    }
  }

  problem(text: string): void {
    this.#problems.push(`${this.#where}: ${text}`);
  }

  value(key: string): unknown {
    return this.#given[key];
  }

  /** A text that is not empty, unless the fallback is. */
  text(key: string, fallback?: string): string {
    const value = this.#given[key] ?? fallback;
    if (typeof value === 'string' && (value.trim() !== '' || fallback === '')) return value.trim();
    this.problem(`${key} is missing`);
    return '';
  }

  port(key: string, fallback: number): number {
    const value = this.#given[key] ?? fallback;
    if (Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536) return Number(value);
    this.problem(`${key}: got ${JSON.stringify(value)}, expected a port`);
    return fallback;
  }
}

/**
 * Reads a list of named entries. @throws Error that lists every problem: not a list, a name used twice, or what the entries
 * themselves complained about.
 */
export function readEntries<T extends { name: string }>(
  document: unknown,
  expected: string,
  known: readonly string[],
  read: (entry: EntryReader) => T,
): T[] {
  if (!Array.isArray(document) || document.length === 0)
    throw new Error(`expected ${expected}, with at least one entry`);
  const problems: string[] = [];
  const entries = document.map((entry, i) => read(new EntryReader(entry, i + 1, known, problems)));
  const twice = entries.find((e, i) => entries.findIndex((other) => other.name === e.name) !== i);
  if (twice) problems.push(`name ${twice.name} is used twice`);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return entries;
}
