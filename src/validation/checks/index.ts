import type { Check } from '../check.ts';
import { blockedBudgets } from './blocked-budgets.ts';
import { groupSize } from './group-size.ts';
import { groupZones } from './group-zones.ts';
import { nodeJoined } from './node-joined.ts';
import { nodeReadyCheck } from './node-ready.ts';
import { podsSettled } from './pods-settled.ts';
import { systemPods } from './system-pods.ts';
import { unhurriedPods } from './unhurried-pods.ts';

/** Every check, in the order of its row in the summary; a new one is a file and a line here. */
export const checks: readonly Check[] = [
  nodeReadyCheck,
  nodeJoined,
  groupSize,
  groupZones,
  systemPods,
  podsSettled,
  blockedBudgets,
  unhurriedPods,
];
