import type { Member } from '../cluster/members.ts';
import { podName } from '../cluster/pods.ts';
import { claimNamesOf } from '../cluster/volumes.ts';
import { names } from '../text.ts';
import { waitUntil } from '../wait.ts';
import type { Context } from './context.ts';
import { drainNodes, podsOn, staysBecause } from './drain.ts';
import { lowerMin } from './groups.ts';
import { groupsOf, homeOf } from './move-into.ts';
import type { Plan } from './plan.ts';
import { cordon } from './taints.ts';
import { tellNodes } from './tell-nodes.ts';
import { fillVacancies } from './vacancies.ts';
import { lookAround } from './view.ts';

/** Terminations asked for at once, to spare AWS. */
const concurrency = 5;
const pollMs = 400;

/**
 * Waits until no volume of a pod that had to leave is attached to these nodes: the pod may be waiting for it elsewhere.
 * @param hanging UIDs of pods that were not waited for; their volumes go with the node
 */
export async function waitForVolumes(
  context: Context,
  nodes: readonly string[],
  hanging: ReadonlySet<string>,
): Promise<void> {
  const { kubernetes, clock, signal, settings, say } = context;
  await waitUntil(
    async () => {
      const attachments = (await kubernetes.list('volumeattachments')).items.filter((a) =>
        nodes.includes(a.spec.nodeName),
      );
      const staying = attachments.length > 0 ? await volumesThatStay(context, nodes, hanging) : new Set();
      const attached = attachments.filter((a) => !staying.has(a.spec.source.persistentVolumeName ?? ''));
      return attached.length === 0
        ? { done: true }
        : {
            waiting: `${names(
              attached.map((a) => `${a.spec.source.persistentVolumeName} on ${a.spec.nodeName}`),
              3,
            )} still attached`,
          };
    },
    {
      what: `the volumes of ${names(nodes)} to be detached`,
      timeoutName: 'volume-timeout',
      expectedMs: context.expected?.volume,
      timeoutMs: settings.timeouts.volume,
      pollMs,
      say,
      clock,
      signal,
      wake: context.changed,
    },
  );
}

/** Volumes of DaemonSet pods and the like stay attached until the node is gone. */
async function volumesThatStay(
  context: Context,
  nodes: readonly string[],
  hanging: ReadonlySet<string>,
): Promise<Set<string>> {
  const claims = (await podsOn(context, nodes))
    .filter((p) => staysBecause(p) || hanging.has(p.metadata.uid ?? ''))
    .flatMap((p) => claimNamesOf(p).map((name) => ({ namespace: p.metadata.namespace ?? '', name })));
  const found = await Promise.all(claims.map((ref) => context.kubernetes.get('persistentvolumeclaims', ref)));
  return new Set(found.flatMap((claim) => claim?.spec.volumeName ?? []));
}

/** Somebody may have taken off our taint, or deleted the Node, while its volumes or its soak were waited for. */
async function drainLatecomers(context: Context, node: string, hanging: ReadonlySet<string>): Promise<void> {
  const late = (await podsOn(context, [node], { fresh: true })).filter(
    (p) => !staysBecause(p) && !hanging.has(p.metadata.uid ?? ''),
  );
  if (late.length === 0) return;
  context.say(`${names(late.map(podName))} came onto ${node} after it was drained; draining it again.`);
  // It is to be terminated: nothing may be left out.
  const { onBlocked } = context.settings;
  const settings: Context['settings'] = {
    ...context.settings,
    onBlocked: onBlocked === 'skip' ? 'fail' : onBlocked,
  };
  const drained = await drainNodes({ ...context, settings }, [node], { hung: hanging });
  await waitForVolumes(context, [node], drained.hanging);
}

/**
 * Has drained members terminated by instance id. Desired falls with each of them as long as it is above what it was before
 * the run; otherwise the group replaces the instance itself. What has come onto a node since it was drained is drained, too.
 * @param hanging UIDs of pods that are not waited for; they end with the node
 */
export async function requestTermination(
  context: Context,
  plan: Plan,
  members: readonly Member[],
  hanging: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { aws, signal, say } = context;
  const select = groupsOf(plan);
  const groups = await aws.groups(select, { fresh: true });
  const desired = new Map(groups.map((g) => [g.name, g.desired]));
  for (const group of groups)
    await lowerMin(context, group, members.filter((m) => m.home === group.name).length);
  await fillVacancies(context, plan, groups, members);
  const terminateOne = async (member: Member): Promise<void> => {
    signal.throwIfAborted();
    if (member.node) await cordon(context, member.node.metadata.name);
    const group = groups.find((g) => g.name === homeOf(member));
    const inGroup = group?.instances.find((i) => i.id === member.instanceId);
    if (!group || !inGroup || inGroup.lifecycle.startsWith('Terminat')) return;
    if (member.node) await drainLatecomers(context, member.node.metadata.name, hanging);
    const size = desired.get(group.name) ?? group.desired;
    const before = desiredBefore(plan, group.name, desired) ?? group.desired;
    const decrement = member.home !== undefined || (size > before && size > group.min);
    if (decrement) desired.set(group.name, size - 1);
    if (member.node)
      await tellNodes(
        context,
        [member.node.metadata.name],
        'RollingTerminate',
        `Rotation ${context.journal.runId} terminates its instance ${member.instanceId}.`,
      );
    await aws.terminate(member.instanceId, { decrement });
    say(
      `Terminating ${member.node?.metadata.name ?? member.instanceId} (${member.instanceId}) of ${group.name}.`,
    );
  };
  const queue = [...members];
  const worker = async () => {
    for (let member = queue.shift(); member; member = queue.shift()) await terminateOne(member);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** Terminates drained members and waits until instance and Node are gone. */
export async function terminate(
  context: Context,
  plan: Plan,
  members: readonly Member[],
  hanging: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { kubernetes, clock, signal, settings, say } = context;
  await requestTermination(context, plan, members, hanging);
  const ids = new Set(members.map((m) => m.instanceId));
  const nodes = members.flatMap((m) => m.node?.metadata.name ?? []);
  await waitUntil(
    async () => {
      const leaving = (await kubernetes.list('nodes')).items.filter((n) => nodes.includes(n.metadata.name));
      // A Node goes after its instance: from then on an older answer of AWS would only be waited for.
      const view = await lookAround(context, groupsOf(plan), {
        fresh: nodes.length > 0 && leaving.length === 0,
      });
      const instances = view.members
        .filter((m) => ids.has(m.instanceId))
        .map((m) => `${m.instanceId} is ${m.lifecycle}`);
      const present = leaving.map((n) => `Node ${n.metadata.name} is still there`);
      const left = [...instances, ...present];
      return left.length === 0 ? { done: true } : { waiting: names(left, 3) };
    },
    {
      what: `${names(members.map((m) => m.node?.metadata.name ?? m.instanceId))} to be gone`,
      timeoutName: 'terminate-timeout',
      expectedMs: context.expected?.terminate,
      timeoutMs: settings.timeouts.terminate,
      pollMs,
      say,
      clock,
      signal,
      wake: context.changed,
    },
  );
}

/** What the group counts without the surge; one that others move into grows by what they have lost. */
function desiredBefore(plan: Plan, name: string, desired: ReadonlyMap<string, number>): number | undefined {
  const planned = plan.groups.find((g) => g.name === name);
  return (
    planned?.from?.reduce((sum, g) => sum - (desired.get(g.name) ?? 0), planned.desired) ?? planned?.desired
  );
}
