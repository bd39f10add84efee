import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const kinds = ['OUTPUT', 'STATE', 'ENV', 'PATH', 'STEP_SUMMARY'] as const;
type Kind = (typeof kinds)[number];

/** The command files of one step: `GITHUB_OUTPUT` and its siblings. */
export class CommandFiles {
  readonly #paths: Record<Kind, string>;

  constructor(directory: string) {
    const own = mkdtempSync(join(directory, 'step-'));
    this.#paths = Object.fromEntries(kinds.map((kind) => [kind, join(own, kind.toLowerCase())])) as Record<
      Kind,
      string
    >;
    for (const path of Object.values(this.#paths)) writeFileSync(path, '');
  }

  get environment(): Record<string, string> {
    return Object.fromEntries(kinds.map((kind) => [`GITHUB_${kind}`, this.#paths[kind]]));
  }

  pairs(kind: 'OUTPUT' | 'STATE' | 'ENV'): Record<string, string> {
    return parsePairs(this.#text(kind));
  }

  paths(): string[] {
    return this.#text('PATH').split('\n').filter(Boolean);
  }

  summary(): string {
    return this.#text('STEP_SUMMARY');
  }

  #text(kind: Kind): string {
    return readFileSync(this.#paths[kind], 'utf8');
  }
}

/** `NAME=value` lines and `NAME<<DELIMITER` blocks, as the runner reads them. @throws Error when a delimiter never comes. */
export function parsePairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (!line) continue;
    const equals = line.indexOf('=');
    const block = line.indexOf('<<');
    if (equals >= 0 && (block < 0 || equals < block)) {
      pairs[line.slice(0, equals)] = line.slice(equals + 1);
      continue;
    }
    if (block < 0) throw new Error(`Invalid format '${line}'`);
    const delimiter = line.slice(block + 2);
    const end = lines.indexOf(delimiter, i + 1);
    if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
    pairs[line.slice(0, block)] = lines.slice(i + 1, end).join('\n');
    i = end;
  }
  return pairs;
}
