import { count } from '../text.ts';
import type { Context } from './context.ts';
import { membersOfPlan, wholePlan } from './control-plane/plan.ts';
import type { Plan } from './plan.ts';

/** Where a run stands that did not do what it was asked for. */
export interface Standing {
  runId: string;
  /** Everything is put back and the run has ended. */
  ended: boolean;
  /** The run is on its way back. */
  rollingBack: boolean;
  /** Nodes that came with the run, and nodes that it was to replace; absent when nobody has counted. */
  fresh?: number;
  old?: number;
}

/** Counts the nodes of a run; before a plan was made there are none. */
export async function nodesOfRun(
  context: Pick<Context, 'aws' | 'kubernetes'>,
  plan: Plan | undefined,
): Promise<{ fresh: number; old: number }> {
  if (!plan) return { fresh: 0, old: 0 };
  const there = (await membersOfPlan(context, plan)).filter((m) => m.state !== 'leaving');
  const newest = Math.max(plan.newest, plan.controlPlane?.newest ?? 0);
  return {
    fresh: there.filter((m) => m.launchedAt > newest).length,
    old: there.filter((m) => wholePlan(plan).groups.some((g) => g.outdated.includes(m.instanceId))).length,
  };
}

/** What to do now: each way with the inputs of rotate-nodes that take it. */
export function whatNext({ runId, ended, rollingBack, fresh, old }: Standing): string[] {
  const rollback = `rotate-nodes with \`phase: rollback\` and \`run-id: ${runId}\``;
  const restore = `rotate-nodes with \`phase: restore\` and \`run-id: ${runId}\``;
  const counted = fresh === undefined ? '' : `: ${count(fresh, 'node is', 'nodes are')} new and ${old} old`;
  if (rollingBack)
    return ended
      ? [
          `Every setting is back, and the rollback is not complete${counted}.`,
          `Run ${rollback} to go on with it.`,
        ]
      : [
          `Run ${runId} is on its way back and unfinished${counted}.`,
          `Run ${rollback} to go on with the rollback.`,
          `Run ${restore} to leave the nodes as they are and put every setting back.`,
        ];
  if (ended)
    return fresh === 0
      ? ['Everything is as before, and no node is new. Run the workflow again when the cause is gone.']
      : [
          `Every setting is back${counted}.`,
          'Run the workflow again to go on with the rotation.',
          `Run ${rollback} to return to the old nodes.`,
        ];
  return [
    `Run ${runId} is unfinished${counted}.`,
    'Run the workflow again to go on with this run.',
    `Run ${restore} to leave the nodes as they are and put every setting back.`,
    `Run ${rollback} to return to the old nodes.`,
  ];
}
