import type { Clock } from './clock.ts';
import { describeDuration } from './text.ts';

/** What one look at the world found: done with a value, or still waiting and why, in plain words. */
export type Look<T> = { done: T } | { waiting: string };

export interface WaitOptions {
  /** What is waited for, as the end of "waiting for …". */
  what: string;
  /** The name of the timeout as the user knows it, for example `drain-timeout`. */
  timeoutName: string;
  timeoutMs: number;
  /** When it began, where that was before: the timeout and what is said count from then. */
  since?: number | undefined;
  /** When something was last said about it, in a wait before this one. */
  saidAt?: number | undefined;
  /** The shortest pause between two looks. */
  pollMs?: number;
  /** Resolves when a watch saw something that makes a new look worthwhile; without such news the pause is `idleMs`. */
  wake?: (() => Promise<unknown>) | undefined;
  idleMs?: number;
  /** Every `sayEveryMs` the wait says what it waits for, since when and how much longer. */
  say?: (line: string) => void;
  sayEveryMs?: number;
  /** How long it should take, as far as anybody can tell. */
  expectedMs?: number | undefined;
  clock: Clock;
  signal: AbortSignal;
}

/** A wait that ended by its named timeout. `found` is what the last look said. */
export class WaitTimeout extends Error {
  readonly what: string;
  readonly found: string;
  readonly timeoutName: string;
  constructor(what: string, found: string, timeoutName: string, timeoutMs: number) {
    super(`Gave up waiting for ${what} after ${describeDuration(timeoutMs)} (${timeoutName}): ${found}`);
    this.name = 'WaitTimeout';
    this.what = what;
    this.found = found;
    this.timeoutName = timeoutName;
  }
}

/**
 * Looks until the look is done, at most `timeoutMs`.
 * @throws WaitTimeout when the time is over; the signal's reason when aborted; whatever `look` throws.
 */
export async function waitUntil<T>(look: () => Promise<Look<T>> | Look<T>, options: WaitOptions): Promise<T> {
  const { clock, signal, timeoutMs, what } = options;
  const started = options.since ?? clock.now();
  let said = options.saidAt ?? clock.now();
  for (;;) {
    signal.throwIfAborted();
    // Asked for before the look: what changes while it looks counts.
    const news = options.wake?.();
    const found = await look();
    if ('done' in found) return found.done;
    const elapsed = clock.now() - started;
    if (elapsed >= timeoutMs) throw new WaitTimeout(what, found.waiting, options.timeoutName, timeoutMs);
    if (options.say && clock.now() - said >= (options.sayEveryMs ?? 10_000)) {
      said = clock.now();
      const left = describeDuration(timeoutMs - elapsed);
      options.say(
        `Waiting for ${what} since ${describeDuration(elapsed)}${expectation(started, options)}, at most ${left} more: ${found.waiting}`,
      );
    }
    const left = timeoutMs - elapsed;
    const poll = options.pollMs ?? 1000;
    if (news) await pauseUntil(news, Math.min(poll, left), Math.min(options.idleMs ?? idleMs, left), options);
    else await clock.sleep(Math.min(poll, left), signal);
  }
}

/** When the wait should end, or that it should have; as the log writes times. */
function expectation(started: number, { expectedMs, clock }: WaitOptions): string {
  if (!expectedMs) return '';
  const end = started + expectedMs;
  return end > clock.now()
    ? `, until about ${new Date(end).toISOString().slice(11, 19)}`
    : `, longer than the expected ${describeDuration(expectedMs)}`;
}

/** Pauses for a time that is known before, and says now and then what for. */
export async function pause(
  ms: number,
  {
    what,
    say,
    clock,
    signal,
  }: Pick<WaitOptions, 'what' | 'clock' | 'signal'> & { say: (line: string) => void },
): Promise<void> {
  const until = clock.now() + ms;
  for (let left = ms; left > 0; left = until - clock.now()) {
    if (left < ms)
      say(`Waiting for ${what} since ${describeDuration(ms - left)}, ${describeDuration(left)} more.`);
    await clock.sleep(Math.min(left, 10_000), signal);
  }
}

/** What no watch tells of, such as AWS and the passing of time, is looked at this often. */
const idleMs = 5000;

/** Sleeps until there is news, at least `shortest` and at most `longest`. */
async function pauseUntil(
  news: Promise<unknown>,
  shortest: number,
  longest: number,
  { clock, signal }: Pick<WaitOptions, 'clock' | 'signal'>,
): Promise<void> {
  await clock.sleep(shortest, signal);
  if (longest <= shortest) return;
  const over = new AbortController();
  const rest = clock.sleep(longest - shortest, AbortSignal.any([signal, over.signal]));
  try {
    await Promise.race([rest, news]);
  } finally {
    over.abort();
    rest.catch(() => {});
  }
}
