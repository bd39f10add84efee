import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../text.ts';

const kinds = ['OUTPUT', 'STATE', 'ENV', 'PATH', 'STEP_SUMMARY'] as const;
type Kind = (typeof kinds)[number];

/** https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#step-isolation-and-limits */
const summaryLimitBytes = 1024 * 1024;
/** The runner does not let a step change how later programs of node start. */
const blockedVariable = 'NODE_OPTIONS';

export interface CommandResults {
  outputs: Record<string, string>;
  state: Record<string, string>;
  env: Record<string, string>;
  paths: string[];
  summary: string;
  /** A step whose files cannot be read has failed. */
  unreadable: boolean;
}

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

  /** What the step left in its files. A file that is wrong is told of, and the others count. */
  read(error: (message: string) => void): CommandResults {
    let unreadable = false;
    const pairs = (kind: Kind): Record<string, string> => {
      try {
        return parsePairs(this.#text(kind));
      } catch (cause) {
        unreadable = true;
        error(`Unable to process file command '${kind.toLowerCase()}' successfully.`);
        error(messageOf(cause));
        return {};
      }
    };
    const env = pairs('ENV');
    if (blockedVariable in env) {
      delete env[blockedVariable];
      error(`Can't store ${blockedVariable} output parameter using '$GITHUB_ENV' command.`);
    }
    let summary = this.#text('STEP_SUMMARY');
    const bytes = Buffer.byteLength(summary);
    if (bytes > summaryLimitBytes) {
      error(
        `$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of ${summaryLimitBytes / 1024}k, got ${Math.floor(bytes / 1024)}k.`,
      );
      summary = '';
    }
    const paths = this.#text('PATH').split('\n').filter(Boolean);
    return { outputs: pairs('OUTPUT'), state: pairs('STATE'), env, paths, summary, unreadable };
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
    const name = line.slice(0, Math.max(block, 0));
    const delimiter = line.slice(block + 2);
    if (!name || !delimiter) throw new Error(`Invalid format '${line}'`);
    const end = lines.indexOf(delimiter, i + 1);
    if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
    pairs[name] = lines.slice(i + 1, end).join('\n');
    i = end;
  }
  return pairs;
}
