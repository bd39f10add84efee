import { systemClock } from '../../src/clock.ts';

const lookMs = 25;

export type Truthy<T> = Exclude<T, undefined | null | false | '' | 0>;

/**
 * Looks until what it sees is truthy, and returns that. A look that throws counts as not yet.
 * @throws with the last thing seen when the limit is over.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T> | T,
  limitMs: number,
): Promise<Truthy<T>> {
  const end = systemClock.now() + limitMs;
  let seen: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found) return found as Truthy<T>;
      seen = found;
    } catch (error) {
      seen = error;
    }
    if (systemClock.now() > end)
      throw new Error(`Not within ${limitMs / 1000} s: ${what}. Last seen: ${String(seen)}`);
    await systemClock.sleep(lookMs);
  }
}
