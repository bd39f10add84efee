import { fits } from './time-budget.ts';

/** How long this run has needed so far, to tell what still fits into its time. */
export class Pace {
  #bootMs = 0;
  #wayOutMs = 0;
  #begun = false;

  /** A replacement was launched. */
  begin(): void {
    this.#begun = true;
  }

  /** A new node took so long until it served. */
  booted(ms: number): void {
    this.#bootMs = Math.max(this.#bootMs, ms);
  }

  /** A member took so long from its taint until it was gone, or is still on its way after that. */
  left(ms: number): void {
    this.#wayOutMs = Math.max(this.#wayOutMs, ms);
  }

  /**
   * Whether there is time for a replacement from its launch on, and for a member whose replacement serves to leave.
   * @param soakMs how long members soak, at least
   * @param ends in epoch milliseconds
   */
  timeTo(now: number, soakMs: number, ends: number): { launch: boolean; leave: boolean } {
    const wayOutMs = Math.max(this.#wayOutMs, soakMs);
    return {
      launch: fits(now, this.#bootMs + wayOutMs, ends),
      // What the first replacements were launched for is seen through: nothing was known then.
      leave: fits(now, wayOutMs, ends) || (this.#begun && this.#wayOutMs === 0),
    };
  }
}
