import { count } from '../text.ts';
import type { Outcome } from './record.ts';

/** A time in which the generator itself could neither send nor read, in ms since the Unix epoch. */
export interface Standstill {
  from: number;
  to: number;
}

/** How long the generator itself stood still, and how many measurements are left out for it. */
export interface LeftOut {
  stoodStillMs: number;
  measurements: number;
}

/** A timer is never exact; a beat later than this was held up. */
const lateMs = 5;
/** Later than this is a standstill, for which measurements are left out; shorter lateness is only taken off the latency. */
const stillMs = 50;
/** Of a time, as a share: a standstill that is less of it changes nothing that could be seen. */
const visibleShare = 0.1;
/** Of what was late the oldest is forgotten: a runner that always is, is so a hundred times a second for hours. */
const mostKept = 100_000;
/** From here on a standstill is worth a word in the log. */
const worthSayingMs = 1000;

/**
 * How well the generator keeps its own time: it beats every few milliseconds, and a beat that comes late tells that
 * nothing could be sent or read until then. What the generator itself missed is no gap of a service.
 */
export class Pace {
  readonly #late: Standstill[] = [];
  #due = Number.POSITIVE_INFINITY;

  /** A beat; the next one is due in `nextInMs`. Returns the standstill that it ends. */
  beat(now: number, nextInMs: number): Standstill | undefined {
    const late = this.#lateAt(now);
    if (late) this.#late.push(late);
    if (this.#late.length > mostKept) this.#late.splice(0, mostKept / 2);
    this.#due = now + nextInMs;
    return late && isStill(late) ? late : undefined;
  }

  /** How much of this time the generator stood still, in ms. The beat that is out by `to` may be late already. */
  stillIn(from: number, to: number): number {
    return this.#sum(from, to, isStill);
  }

  /** The same with every lateness, however short. */
  lateIn(from: number, to: number): number {
    return this.#sum(from, to, () => true);
  }

  #sum(from: number, to: number, counts: (late: Standstill) => boolean): number {
    const out = this.#lateAt(to);
    let sum = out && counts(out) ? overlap(out, from, to) : 0;
    for (let i = this.#late.length - 1; i >= 0; i--) {
      const late = this.#late[i];
      if (!late || late.to <= from) break;
      if (counts(late)) sum += overlap(late, from, to);
    }
    return sum;
  }

  #lateAt(now: number): Standstill | undefined {
    return now - this.#due > lateMs ? { from: this.#due, to: now } : undefined;
  }
}

const isStill = ({ from, to }: Standstill): boolean => to - from > stillMs;

const overlap = (still: Standstill, from: number, to: number): number =>
  Math.max(0, Math.min(still.to, to) - Math.max(still.from, from));

/**
 * Whether an outcome says nothing of the service, because the generator stood still for `ownMs` of it: an answer was read
 * too late, or the server hung up on a client that kept silent. What the service did by itself (refused, status 503, a
 * timeout, which counts no standstill) is never left out.
 */
export function saysNothing({ ms, failure }: Outcome, ownMs: number): boolean {
  if (failure === undefined) return ownMs > ms * visibleShare;
  return ownMs > 0 && ['closed', 'reset', 'status 408'].includes(failure);
}

/** `the load generator itself stood still for 2.8 s: …`; undefined when nothing is left out. */
export function describeLeftOut({ stoodStillMs, measurements }: LeftOut): string | undefined {
  if (stoodStillMs === 0 && measurements === 0) return undefined;
  const cause = stoodStillMs >= worthSayingMs ? ': the runner has too little CPU' : '';
  return `the load generator itself stood still for ${(stoodStillMs / 1000).toFixed(1)} s${cause}; ${count(measurements, 'measurement is', 'measurements are')} left out`;
}

/** The same for several lanes: they stood still together. */
export function sumLeftOut(records: readonly { leftOut?: LeftOut | undefined }[]): LeftOut {
  return {
    stoodStillMs: Math.max(0, ...records.map((r) => r.leftOut?.stoodStillMs ?? 0)),
    measurements: records.reduce((n, r) => n + (r.leftOut?.measurements ?? 0), 0),
  };
}

/** Says of standstills when they add up to a second, and again whenever that has doubled: a weak runner fills no log. */
export class StandstillTeller {
  #nextMs = worthSayingMs;

  /** The line that is due, if any. */
  line(leftOut: LeftOut): string | undefined {
    if (leftOut.stoodStillMs < this.#nextMs) return undefined;
    this.#nextMs = leftOut.stoodStillMs * 2;
    return describeLeftOut(leftOut);
  }
}
