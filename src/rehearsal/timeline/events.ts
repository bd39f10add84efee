/** What the rehearsal shows of itself: every change worth a line, in the order it happened. */
export type TimelineEvent = { at: number } & (
  | {
      kind: 'node';
      node: string;
      group: string;
      zone: string;
      change: 'joined' | 'ready' | 'gone';
      outdated: boolean;
    }
  | { kind: 'taint'; node: string; effect: string; change: 'added' | 'removed' }
  | { kind: 'pod'; pod: string; node: string; change: 'leaving' | 'gone' | 'ready'; watched: boolean }
  | { kind: 'budget'; budget: string; allowed: number }
  | { kind: 'refused'; pod: string; message: string }
  | { kind: 'redis'; topology: string; text: string }
  | { kind: 'traffic'; requests: number; failed: number; jobs: number; writes: number }
  | {
      kind: 'step';
      job: string;
      step: string;
      change: 'started' | 'ended';
      conclusion?: string;
      seconds?: number;
    }
  | { kind: 'log'; job: string; text: string }
);

/** Collects events and hands each to whoever shows them. */
export class Timeline {
  readonly started = Date.now();
  readonly events: TimelineEvent[] = [];
  readonly #listeners: ((event: TimelineEvent) => void)[] = [];

  add(
    event: TimelineEvent extends infer E ? (E extends { at: number } ? Omit<E, 'at'> : never) : never,
  ): void {
    const full = { at: Date.now() - this.started, ...event } as TimelineEvent;
    this.events.push(full);
    for (const listener of this.#listeners) listener(full);
  }

  onEvent(listener: (event: TimelineEvent) => void): void {
    this.#listeners.push(listener);
  }
}
