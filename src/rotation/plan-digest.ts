import { createHash } from 'node:crypto';
import type { RotationSettings } from './context.ts';
import type { PlannedGroup } from './plan.ts';

/** Settings that say how fast or how patiently it is done, and not what is done; which groups are meant shows in the plan. */
const pace: ReadonlySet<keyof RotationSettings> = new Set([
  'select',
  'intervalMs',
  'controlPlaneIntervalMs',
  'soakMs',
  'timeBudgetMs',
  'settleMs',
  'requiredPasses',
  'timeouts',
]);

export type Decisions = Record<string, unknown>;

/** The settings that decide what a rotation does. Every setting counts that is not known to change the pace alone. */
export const decisionsOf = (settings: object): Decisions =>
  canonical(
    Object.fromEntries(Object.entries(settings).filter(([name]) => !(pace as ReadonlySet<string>).has(name))),
  ) as Decisions;

/** The same for the same groups, outdated members, targets and settings, in whatever order and whenever they are read. */
export function digestOf(groups: readonly PlannedGroup[], settings: object): string {
  const text = JSON.stringify([inOrder(groups), decisionsOf(settings)]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const inOrder = (groups: readonly PlannedGroup[]) =>
  [...groups]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((group) => canonical({ ...group, ran: undefined, outdated: [...group.outdated].sort() }));

/** With its keys in order, and without those that say nothing. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, v]) => [key, canonical(v)]),
  );
}
