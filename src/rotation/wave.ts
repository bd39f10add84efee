import { type Member, nodesOf } from '../cluster/members.ts';
import type { Context } from './context.ts';
import type { SkippedNode } from './drain.ts';
import { emptyNodes } from './empty-nodes.ts';
import type { NotCounted } from './gate.ts';
import { type InTurn, turns } from './in-turn.ts';
import { requestTermination, waitForVolumes } from './leave.ts';
import { leaveBalancers, leaveBalancersAtLast, stayInBalancers } from './load-balancers.ts';
import type { Plan } from './plan.ts';
import { soak } from './soak.ts';
import type { StepTimes } from './step-times.ts';
import { taint } from './taints.ts';
import { tellNodes } from './tell-nodes.ts';
import type { View } from './view.ts';

/** What a wave is handed of the rotation that it belongs to. */
export interface Surroundings {
  plan: Plan;
  /** Groups, and their members but for those that do not serve yet. */
  serving: Pick<View, 'groups' | 'members'>;
  /** Troubles from before the rotation. */
  known: ReadonlySet<string>;
  notCounted: NotCounted;
  times: StepTimes;
  inTurn: InTurn;
  /** AWS has been told to terminate these. */
  onTerminated: (members: readonly Member[]) => void;
}

/**
 * The way out of members whose replacements serve: from the taint until AWS has been told to terminate them, each as soon as it
 * is empty; with soak, all of them together. Returns the nodes that could not be emptied (on-blocked: skip), which stay.
 */
export async function sendOff(
  context: Context,
  wave: readonly Member[],
  { plan, serving, known, notCounted, times, inTurn, onTerminated }: Surroundings,
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
  // Each looks whether enough targets are left without it.
  const oneByOne = turns();
  const detach = async (members: readonly Member[], hanging: ReadonlySet<string>): Promise<void> => {
    await oneByOne(() => leaveBalancersAtLast(context, serving, members, last));
    await waitForVolumes(context, nodesOf(members), hanging);
  };
  const end = async (members: readonly Member[], hanging: ReadonlySet<string>): Promise<void> => {
    await inTurn(() => requestTermination(context, plan, members, hanging));
    onTerminated(members);
  };
  const going: Promise<{ error: unknown } | undefined>[] = [];
  const goOn = (empty: readonly string[], hanging: ReadonlySet<string>): void => {
    const members = wave.filter((m) => empty.includes(m.node?.metadata.name ?? ''));
    going.push(
      detach(members, hanging)
        .then(() => end(members, hanging))
        .then(
          () => undefined,
          (error: unknown) => ({ error }),
        ),
    );
  };
  const together = context.settings.soakMs > 0;
  const { hanging, skipped } = await emptyNodes(context, nodes, together ? undefined : goOn).finally(() =>
    Promise.all(going),
  );
  times.end('drain');
  const failed = (await Promise.all(going)).find((g) => g !== undefined);
  if (failed) throw failed.error;
  await stayInBalancers(
    context,
    skipped.map((s) => s.node),
  );
  const left = wave.filter((m) => !skipped.some((s) => s.node === m.node?.metadata.name));
  const rest = together ? left : left.filter((m) => !m.node);
  if (rest.length === 0) return skipped;
  await detach(rest, hanging);
  times.end('volumes');
  await soak(context, rest, known, notCounted);
  times.end('soak');
  await end(rest, hanging);
  return skipped;
}
