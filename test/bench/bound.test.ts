import { describe, expect, test } from '@jest/globals';
import { lowerBoundMs } from '../../bench/rotation/bound.ts';

const facts = {
  nodes: 10,
  peak: 12,
  fewest: 10,
  readyMs: Array(10).fill(94_000),
  budgets: [],
  canary: false,
};
/** Ready after 94 s, drained in 6 s, shut down in 40 s. */
const cycleMs = 140_000;

describe('the lower bound', () => {
  test('shares the time of all replacements among the slots above the usual size', () => {
    expect(lowerBoundMs(facts)).toBe(5 * cycleMs);
  });

  test('counts nodes that do not serve as slots', () => {
    expect(lowerBoundMs({ ...facts, peak: 10, fewest: 8 })).toBe(5 * cycleMs);
  });

  test('is not below the replacement that takes longest', () => {
    const readyMs = [...Array(9).fill(60_000), 600_000];
    expect(lowerBoundMs({ ...facts, peak: 20, readyMs })).toBe(646_000);
  });

  test('counts whole rounds where the slots are not used evenly', () => {
    expect(lowerBoundMs({ ...facts, peak: 14 })).toBe(3 * cycleMs);
  });

  test('has the canary precede all others', () => {
    expect(lowerBoundMs({ ...facts, canary: true })).toBe(cycleMs + 5 * cycleMs);
  });

  test('is not below what the budgets let go', () => {
    const budgets = [{ pods: 400, atOnce: 1 }];
    expect(lowerBoundMs({ ...facts, peak: 20, budgets })).toBe(400 * 4000);
  });
});
