import type { Clock } from '../clock.ts';
import type { Aws, Kubernetes } from '../cluster/ports.ts';

/** One input as action.yml states it. Inputs are strings on GitHub; parsing is the operation's. */
export interface InputSpec {
  description: string;
  required?: boolean;
  default?: string;
}

/**
 * What an operation takes and gives. The action.yml files are generated from it, so code and files cannot disagree.
 * Inputs whose name appears in several operations must mean the same there.
 */
export interface Contract {
  operation: string;
  /** Name and description of the composite action. */
  title: string;
  description: string;
  inputs: Readonly<Record<string, InputSpec>>;
  /** Output name to description. */
  outputs: Readonly<Record<string, string>>;
}

/** What an operation is handed. The real one is made by src/main.ts, others by tests and the in-process mode. */
export interface Session {
  /** Raw inputs by name; defaults of the contract already filled in, missing ones are empty strings. */
  inputs: Readonly<Record<string, string>>;
  clock: Clock;
  /** Aborted by SIGINT and SIGTERM; the operation then starts nothing new and ends within 5 s. */
  signal: AbortSignal;
  /** Connects on first use; throws errors that say what is missing. */
  kubernetes(): Promise<Kubernetes>;
  aws(): Promise<Aws>;
  /** When the AWS credentials end, in epoch milliseconds, once it is known that they cannot be renewed. */
  credentialsLastUntil?: () => number | undefined;
  /** Which workflow run this is, for lease and journal: for example `octo/shop run 1234 attempt 1`. */
  caller: string;
  /** The machine this runs on, to find the pod of a runner that is one. */
  self: { hostname: string; addresses: readonly string[] };
  /** Writes one line to the log. */
  say(line: string): void;
  /** Folds the lines that follow under this title, until the next one; without a title no more. Absent where nothing folds. */
  fold?: (title?: string) => void;
  /** Annotates the run; shown on its page. */
  warn(line: string): void;
  /** Written to the outputs at once, so that a run that is killed leaves what it knew; the last value wins. */
  output(name: string, value: string): void;
  /** Replaces what this step shows in the job summary (Markdown). Written when the operation ends, also when it fails. */
  summary(markdown: string): void;
  /** A directory for files of this job. */
  directory: string;
}

export interface Operation {
  contract: Contract;
  /**
   * Reads and checks all inputs first (throws BadInput with every problem), then acts.
   * A rejected promise fails the step; its message is shown to the user.
   */
  run(session: Session): Promise<void>;
}
