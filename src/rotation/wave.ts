import { type Member, nodesOf } from '../cluster/members.ts';
import type { Context } from './context.ts';
import type { SkippedNode } from './drain.ts';
import { emptyNodes } from './empty-nodes.ts';
import type { NotCounted } from './gate.ts';
import type { InTurn } from './in-turn.ts';
import { requestTermination, waitForVolumes } from './leave.ts';
import { leaveBalancers, leaveBalancersAtLast, stayInBalancers } from './load-balancers.ts';
import type { Plan } from './plan.ts';
import { soak } from './soak.ts';
import type { StepTimes } from './step-times.ts';
import { taint } from './taints.ts';
import { tellNodes } from './tell-nodes.ts';
import type { View } from './view.ts';

/**
 * The way out of members whose replacements serve: from the taint until AWS has been told to terminate them. Returns the nodes
 * that could not be emptied (on-blocked: skip), which stay.
 * @param serving groups, and their members but for those that do not serve yet
 * @param known troubles from before the rotation
 */
export async function sendOff(
  context: Context,
  plan: Plan,
  serving: Pick<View, 'groups' | 'members'>,
  wave: readonly Member[],
  known: ReadonlySet<string>,
  notCounted: NotCounted,
  times: StepTimes,
  inTurn: InTurn,
): Promise<SkippedNode[]> {
  const nodes = nodesOf(wave);
  await taint(context, nodes, 'NoSchedule');
  await tellNodes(
    context,
    nodes,
    'RollingDrain',
    `Rotation ${context.journal.runId} moves its pods to other nodes.`,
  );
  const last = await leaveBalancers(context, plan, serving, wave);
  const { hanging, skipped } = await emptyNodes(context, nodes);
  times.end('drain');
  const leaving = wave.filter((m) => !skipped.some((s) => s.node === m.node?.metadata.name));
  await stayInBalancers(
    context,
    skipped.map((s) => s.node),
  );
  await leaveBalancersAtLast(context, serving, leaving, last);
  await waitForVolumes(context, nodesOf(leaving), hanging);
  times.end('volumes');
  await soak(context, leaving, known, notCounted);
  times.end('soak');
  await inTurn(() => requestTermination(context, plan, leaving, hanging));
  return skipped;
}
