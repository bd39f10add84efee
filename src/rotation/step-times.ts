import type { Clock } from '../clock.ts';

/** The steps of a wave, as its timeline shows them. */
export const waveSteps = ['surge', 'drain', 'volumes', 'soak', 'terminate', 'gate'] as const;
export type WaveStep = (typeof waveSteps)[number];
export type StepSeconds = Partial<Record<WaveStep, number>>;

/** How long the steps of a wave took; one that comes twice counts together. */
export class StepTimes {
  /** Goes on to change as long as the wave does. */
  readonly seconds: StepSeconds = {};
  readonly #clock: Clock;
  readonly #ms = new Map<WaveStep, number>();
  #since: number;

  /** @param since when its first step began, in epoch milliseconds */
  constructor(clock: Clock, since: number) {
    this.#clock = clock;
    this.#since = since;
  }

  /** What has passed since the step before belongs to this one. */
  end(step: WaveStep): void {
    const now = this.#clock.now();
    const ms = (this.#ms.get(step) ?? 0) + now - this.#since;
    this.#ms.set(step, ms);
    this.seconds[step] = Math.round(ms / 1000);
    this.#since = now;
  }
}
