import { describeDuration } from '../text.ts';
import type { Outcome } from './record.ts';
import type { Standstill } from './standstill.ts';

export interface GuardState {
  level: 'ok' | 'pause' | 'stop';
  reason: string;
}

const consecutiveLimit = 5;
const windowMs = 1000;
const windowRequests = 5;
/** From allowed to suspicious: the second rate of the likelihood ratio test. */
const suspiciousRate = 0.02;
/** Probability of a false alarm over a whole rotation. */
const alpha = 0.01;
const expectedRequests = 100_000;
const calmMs = 10_000;
const pauseLimitMs = 120_000;
/** Blind for longer than this, the guard does not call the services well. */
const blindMs = 10_000;

/**
 * Decides from each answer whether the rotation may go on: it pauses on five failures in a row, on half of a second's
 * requests failing, and when a likelihood-ratio CUSUM says that failures come faster than allowed (threshold ln(N/alpha), so
 * that looking after every request is free). Ten calm seconds end a pause; a pause of two minutes is a stop. Time in which
 * the generator itself stood still is neither calm nor part of a pause, and what it could not measure decides nothing; but
 * when for ten seconds it could measure nothing at all, the rotation waits until it sees again.
 */
export class GuardPolicy {
  readonly #rate: { allowed: number; suspicious: number };
  readonly #lanes = new Map<
    string,
    { inARow: number; recent: { at: number; failed: boolean }[]; sum: number }
  >();
  #pausedAt: number | undefined;
  #lastFailure = Number.NEGATIVE_INFINITY;
  #lastSeen: number | undefined;
  /** Whether the generator itself missed something since then. */
  #missed = false;
  #state: GuardState = { level: 'ok', reason: 'the services answer as before' };

  constructor(allowedErrorRate: number) {
    const allowed = Math.max(allowedErrorRate, 1e-5);
    this.#rate = { allowed, suspicious: Math.max(suspiciousRate, 20 * allowed) };
  }

  /** The generator itself stood still: nothing was seen meanwhile, neither good nor bad. */
  stoodStill({ from, to }: Standstill): void {
    if (this.#pausedAt !== undefined) this.#pausedAt += to - from;
    this.#lastFailure += to - from;
    this.#lastSeen ??= from;
    this.#missed = true;
  }

  add(outcome: Outcome): void {
    if (outcome.leftOut) return;
    this.#lastSeen = outcome.at + outcome.ms;
    this.#missed = false;
    const key = `${outcome.target} (${outcome.lane})`;
    const lane = this.#lanes.get(key) ?? { inARow: 0, recent: [], sum: 0 };
    this.#lanes.set(key, lane);
    const failed = outcome.failure !== undefined;
    const now = outcome.at + outcome.ms;
    lane.inARow = failed ? lane.inARow + 1 : 0;
    lane.recent = [...lane.recent.filter((r) => now - r.at < windowMs), { at: now, failed }];
    const { allowed, suspicious } = this.#rate;
    lane.sum = Math.max(
      0,
      lane.sum + (failed ? Math.log(suspicious / allowed) : Math.log((1 - suspicious) / (1 - allowed))),
    );
    if (failed) this.#lastFailure = now;
    const bad = lane.recent.filter((r) => r.failed).length;
    if (lane.inARow >= consecutiveLimit)
      this.#pause(now, `${key}: ${lane.inARow} requests in a row failed (${outcome.failure})`);
    else if (lane.recent.length >= windowRequests && bad * 2 >= lane.recent.length)
      this.#pause(now, `${key}: ${bad} of ${lane.recent.length} requests of the last second failed`);
    else if (lane.sum >= Math.log(expectedRequests / alpha))
      this.#pause(now, `${key}: failures come faster than the allowed rate`);
    this.#calm(now);
  }

  get state(): GuardState {
    return this.#state;
  }

  /** The state as far as it is known at `now`. */
  stateAt(now: number): GuardState {
    if (this.#state.level !== 'ok' || !this.#missed || this.#lastSeen === undefined) return this.#state;
    const blind = now - this.#lastSeen;
    if (blind < blindMs) return this.#state;
    return { level: 'pause', reason: `nothing could be measured for ${describeDuration(blind)}` };
  }

  #pause(now: number, reason: string): void {
    this.#pausedAt ??= now;
    this.#state =
      now - this.#pausedAt > pauseLimitMs ? { level: 'stop', reason } : { level: 'pause', reason };
  }

  #calm(now: number): void {
    if (this.#state.level !== 'pause' || now - this.#lastFailure < calmMs) return;
    this.#pausedAt = undefined;
    for (const lane of this.#lanes.values()) lane.sum = 0;
    this.#state = { level: 'ok', reason: 'the services answer as before again' };
  }
}
