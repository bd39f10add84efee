import { fits } from './time-budget.ts';

/** How long this run has needed so far, to tell what still fits into its time. */
export class Pace {
  #bootMs = 0;
  #wayOutMs = 0;
  #begun = false;

  /** A new node took so long until it served. */
  booted(ms: number): void {
    this.#bootMs = Math.max(this.#bootMs, ms);
  }

  /** A member took so long from its taint until it was gone, or is still on its way after that. */
  left(ms: number): void {
    this.#wayOutMs = Math.max(this.#wayOutMs, ms);
  }

  /**
   * Whether there is time for a replacement from its launch on, and for a member whose replacement serves to leave. What was
   * begun in time is seen through, unless AWS will not answer any more.
   * @param soakMs how long members soak, at least
   * @param deadline in epoch milliseconds
   * @param answeredUntil when the credentials end, in epoch milliseconds
   */
  timeTo(
    now: number,
    soakMs: number,
    deadline: number,
    answeredUntil: number,
  ): { launch: boolean; leave: boolean } {
    const wayOutMs = Math.max(this.#wayOutMs, soakMs);
    const ends = Math.min(deadline, answeredUntil);
    this.#begun ||= fits(now, soakMs, deadline);
    return {
      launch: fits(now, this.#bootMs + wayOutMs, ends),
      leave: fits(now, wayOutMs, this.#begun ? answeredUntil : ends),
    };
  }
}
