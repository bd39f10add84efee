export interface Annotation {
  level: 'error' | 'warning' | 'notice';
  message: string;
}

const decode = (text: string): string =>
  text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%');

/** What a job prints: understands `::commands::`, and hides what was masked. */
export class JobLog {
  readonly annotations: Annotation[] = [];
  readonly #masks = new Set<string>();
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  line(text: string): void {
    const [, command = '', , value = ''] = /^::([a-z-]+)( [^:]*)?::([\s\S]*)$/.exec(text) ?? [];
    if (command === 'add-mask') {
      this.mask(decode(value));
      return;
    }
    if (command === 'error' || command === 'warning' || command === 'notice') {
      const message = this.masked(decode(value));
      this.annotations.push({ level: command, message });
      for (const part of message.split('\n'))
        this.#write(
          `${command === 'error' ? 'Error' : command === 'warning' ? 'Warning' : 'Notice'}: ${part}`,
        );
      return;
    }
    if (command === 'group') this.#write(this.masked(decode(value)));
    else if (!command) this.#write(this.masked(text));
  }

  mask(secret: string): void {
    if (secret.trim()) this.#masks.add(secret);
  }

  masked(text: string): string {
    let result = text;
    for (const secret of this.#masks) result = result.replaceAll(secret, '***');
    return result;
  }

  /** GitHub drops a job output in which it finds a secret. */
  contains(text: string): boolean {
    return this.masked(text) !== text;
  }
}
