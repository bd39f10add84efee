export interface Annotation {
  level: 'error' | 'warning' | 'notice';
  message: string;
}

const labels = { error: 'Error', warning: 'Warning', notice: 'Notice' } as const;
/** What GitHub keeps of a step's annotations: ten of a level, and the beginning of each. */
const annotationsPerLevel = 10;
const annotationLength = 4096;

const decode = (text: string): string =>
  text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%');

/** What a job prints: understands `::commands::`, and hides what was masked. */
export class JobLog {
  readonly annotations: Annotation[] = [];
  readonly #masks = new Set<string>();
  readonly #write: (line: string) => void;
  #counts: Record<string, number> = {};
  #resumeToken: string | undefined;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** A new step of the job begins, with annotations of its own. */
  beginStep(): void {
    this.#counts = {};
  }

  /** A line as a program printed it. */
  line(text: string): void {
    const [, command = '', , value = ''] = /^\s*::([^\s:]+)( [^:]*)?::([\s\S]*)$/.exec(text) ?? [];
    if (this.#resumeToken !== undefined) {
      if (command === this.#resumeToken) this.#resumeToken = undefined;
      return this.#print(text);
    }
    switch (command) {
      case 'add-mask':
        return this.mask(decode(value));
      case 'error':
      case 'warning':
      case 'notice':
        return this.annotate(command, decode(value));
      case 'group':
        return this.#print(decode(value));
      case 'endgroup':
      case 'debug':
        return;
      case 'stop-commands':
        this.#resumeToken = value;
        return this.#print(text);
      default:
        return this.#print(text);
    }
  }

  annotate(level: Annotation['level'], text: string): void {
    const message = this.masked(text).slice(0, annotationLength);
    const count = (this.#counts[level] ?? 0) + 1;
    this.#counts[level] = count;
    if (count <= annotationsPerLevel) this.annotations.push({ level, message });
    for (const part of message.split('\n')) this.#write(`${labels[level]}: ${part}`);
  }

  /** Hides a secret, and each of its lines, since programs print line by line. */
  mask(secret: string): void {
    for (const part of [secret, ...secret.split(/[\r\n]+/).map((line) => line.trim())])
      if (part.trim()) this.#masks.add(part);
  }

  masked(text: string): string {
    // The longest first, so that a secret inside another leaves nothing of the longer one.
    const secrets = [...this.#masks].sort((a, b) => b.length - a.length);
    return secrets.reduce((result, secret) => result.replaceAll(secret, '***'), text);
  }

  /** GitHub drops a job output in which it finds a secret. */
  contains(text: string): boolean {
    return this.masked(text) !== text;
  }

  #print(text: string): void {
    this.#write(this.masked(text));
  }
}
