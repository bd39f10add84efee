import { podTimes, shutDownMs } from './stage.ts';

export interface Facts {
  nodes: number;
  /** The most nodes that there were at once. */
  peak: number;
  /** The fewest nodes that served at once. */
  fewest: number;
  /** What each new instance took from its launch until its node was ready with its DaemonSets, as drawn in this very run. */
  readyMs: readonly number[];
  /** Pods of each service, and how many of them its budget lets go at once. */
  budgets: readonly { pods: number; atOnce: number }[];
  /** Whether one node is replaced alone first. */
  canary: boolean;
}

/** A pod that is told to go serves on for its preStop and then stops. No node is empty sooner. */
const drainMs = podTimes.lingerMs + podTimes.stopMs;

/**
 * The critical path: what no order and no tool can undercut that never has fewer serving nodes than this one had, nor more
 * instances than its peak. An instance counts from its launch until EC2 has terminated it.
 *
 * - By slots. Each replaced node needs an instance that does not serve from the launch of its replacement (which boots, joins
 *   and gets its DaemonSets) through its own drain to the end of its shutdown. There are `peak - fewest` such slots, so that all
 *   these times together, divided by the slots, pass at least.
 * - By rounds. Slots that are shared unevenly: some slot is used `nodes / slots` times, rounded up, each time for no less than
 *   the quickest replacement took.
 * - By the longest. The replacement that takes longest must come, too, and then somebody leaves for it.
 * - By budgets. The pods of a service leave as many at a time as its budget says, and the next only when the ones before have
 *   started elsewhere.
 *
 * With a canary one replacement precedes all others: its boot, drain and shutdown come first, and the rest has its slots after it.
 */
export function lowerBoundMs(facts: Facts): number {
  const slots = Math.max(1, facts.peak - facts.fewest);
  const cycles = [...facts.readyMs].sort((a, b) => a - b).map((ms) => ms + drainMs + shutDownMs);
  const quickest = cycles[0] ?? 0;
  const alone = facts.canary ? 1 : 0;
  // What the canary had drawn is not known here: the quickest, so that this stays a lower bound.
  const rest = cycles.slice(alone);
  const bySlots = rest.reduce((sum, ms) => sum + ms, 0) / slots;
  const byRounds = Math.ceil(rest.length / slots) * (rest[0] ?? 0);
  const longest = rest.at(-1) ?? 0;
  const byBudgets = Math.max(
    0,
    ...facts.budgets.map(({ pods, atOnce }) => Math.ceil(pods / atOnce) * podTimes.startMs),
  );
  return Math.max(alone * quickest + Math.max(bySlots, byRounds, longest), byBudgets);
}
