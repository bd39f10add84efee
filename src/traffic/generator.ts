import type { Clock } from '../clock.ts';
import { type Lane, lanes, type Outcome } from './record.ts';
import { httpRequests, type Requests } from './requests.ts';
import { type Pace, type Standstill, saysNothing } from './standstill.ts';
import type { TrafficTarget } from './targets.ts';

export interface GeneratorOptions {
  targets: readonly TrafficTarget[];
  /** Requests per second and target, both lanes together. */
  rate: number;
  clock: Clock;
  /** Ends the traffic. */
  signal: AbortSignal;
  /** Where it keeps how late it was itself. */
  pace: Pace;
  onOutcome: (outcome: Outcome) => void;
  /** The generator itself stood still; what was due meanwhile was not sent. */
  onStandstill: (missed: Missed) => void;
  /** How requests are sent; over HTTP unless given. */
  requests?: Requests;
}

/** A standstill, and how many requests of it were not sent to each target. */
export interface Missed extends Standstill {
  notSent: Record<Lane, number>;
}

const tickMs = 10;

/**
 * Open loop: every request is sent when it is due, whether or not earlier ones were answered, so that only the generator
 * itself can delay it: its latency counts from when it was sent. What was due while the generator stood still is not sent
 * later, in a burst that would measure the burst. Half go over fresh connections and half over kept-alive ones, because
 * each sees outages that the other does not.
 * Resolves when the signal is aborted and the last answers are in, with the time when the last request was sent.
 */
export async function generate(options: GeneratorOptions): Promise<number> {
  const { targets, rate, clock, signal, pace, onOutcome, onStandstill } = options;
  const requests = options.requests ?? httpRequests();
  const started = clock.now();
  const open = new Set<Promise<void>>();
  let ended = started;
  for (let sent = 0; !signal.aborted; ) {
    const due = Math.floor(((clock.now() - started) / 1000) * rate);
    const still = pace.beat(clock.now(), tickMs);
    if (still) {
      onStandstill({ ...still, notSent: perLane(sent, due) });
      sent = due;
    }
    for (; sent < due; sent++) {
      const lane: Lane = lanes[sent % 2] ?? 'fresh';
      for (const target of targets) {
        const one = ask(target, lane, requests, options).then((outcome) => {
          open.delete(one);
          onOutcome(outcome);
        });
        open.add(one);
      }
    }
    ended = clock.now();
    await clock.sleep(tickMs, signal).catch(() => {});
  }
  while (open.size > 0) {
    const still = pace.beat(clock.now(), tickMs);
    if (still) onStandstill({ ...still, notSent: perLane(0, 0) });
    await clock.sleep(tickMs);
  }
  requests.close();
  return ended;
}

/** The requests from `sent` to before `due`, which take turns. */
const perLane = (sent: number, due: number): Record<Lane, number> => ({
  fresh: Math.ceil(due / 2) - Math.ceil(sent / 2),
  'kept-alive': Math.floor(due / 2) - Math.floor(sent / 2),
});

async function ask(
  target: TrafficTarget,
  lane: Lane,
  requests: Requests,
  { clock, pace }: GeneratorOptions,
): Promise<Outcome> {
  const at = clock.now();
  const [timeout, answered] = [new AbortController(), new AbortController()];
  patience(target.timeoutMs, clock, pace, answered.signal).then(
    () => timeout.abort(),
    () => {},
  );
  const failure = await requests.send(target, lane, timeout.signal);
  answered.abort();
  const now = clock.now();
  const lateMs = pace.lateIn(at, now);
  const outcome = { target: target.name, lane, at, ms: now - at, lateMs, ...(failure ? { failure } : {}) };
  return saysNothing(outcome, pace.stillIn(at, now)) ? { ...outcome, leftOut: true } : outcome;
}

/** Sleeps until the generator could have read an answer for `ms`: an answer that came while it stood still is not late. */
async function patience(ms: number, clock: Clock, pace: Pace, signal: AbortSignal): Promise<void> {
  const from = clock.now();
  for (let left = ms; left > 0; left = ms - (clock.now() - from - pace.stillIn(from, clock.now())))
    await clock.sleep(Math.ceil(left), signal);
}
