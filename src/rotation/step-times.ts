import type { Clock } from '../clock.ts';

/** The steps of a wave, as its timeline shows them. */
export const waveSteps = ['surge', 'drain', 'volumes', 'soak', 'terminate', 'gate'] as const;
export type WaveStep = (typeof waveSteps)[number];
export type StepSeconds = Partial<Record<WaveStep, number>>;

/** How long the steps of a wave took; one that comes twice counts together. */
export class StepTimes {
  readonly #clock: Clock;
  readonly #ms = new Map<WaveStep, number>();
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** What has passed since the step before belongs to this one. */
  end(step: WaveStep): void {
    const now = this.#clock.now();
    this.#ms.set(step, (this.#ms.get(step) ?? 0) + now - this.#since);
    this.#since = now;
  }

  seconds(): StepSeconds {
    return Object.fromEntries([...this.#ms].map(([step, ms]) => [step, Math.round(ms / 1000)]));
  }
}
