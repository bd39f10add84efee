import type { Member } from '../cluster/members.ts';
import type { Node } from '../cluster/objects.ts';
import { rfc3339 } from '../cluster/times.ts';
import { describeDuration, names } from '../text.ts';
import { type Look, waitUntil } from '../wait.ts';
import { type Context, taintKey } from './context.ts';
import { lookAtGate, type NotCounted } from './gate.ts';
import { updateNode } from './update-node.ts';

/** The members of the wave that soaks or soaked last; restore spares them when it has to make a group smaller. */
export const soakNote = 'soaking';

/** When a node was empty. It goes together with our taint, so that a node that had pods again soaks anew. */
export const soakKey = 'eks-rolling/empty-since';

const pollMs = 1000;

/** The nodes that soak are no longer what a return would need. */
export class SoakFailed extends Error {}

/** How long these members still have to stay empty: as long as the one that was emptied last. */
export function soakLeftMs(nodes: readonly (Node | undefined)[], soakMs: number, now: number): number {
  return Math.max(
    0,
    ...nodes.map((node) => {
      const since = Date.parse(node?.metadata.annotations?.[soakKey] ?? '');
      return Number.isNaN(since) ? soakMs : soakMs - Math.max(0, now - since);
    }),
  );
}

/**
 * Keeps drained nodes tainted and empty before they are terminated, so that a return is one untaint away. When the cluster is
 * worse than before, or the guard stops, the rotation ends and they are still there. The time counts from when each was
 * empty, and is written on the node: a run that was killed goes on with it.
 * @throws GuardStopped; WaitTimeout (gate-timeout); SoakFailed when somebody took the taint off a node.
 */
export async function soak(
  context: Context,
  wave: readonly Member[],
  known: ReadonlySet<string>,
  notCounted: NotCounted = () => false,
): Promise<void> {
  const { kubernetes, clock, signal, settings, journal, say } = context;
  const soaking = wave.flatMap((m) => m.node?.metadata.name ?? []);
  if (settings.soakMs === 0 || soaking.length === 0) return;
  await journal.note(
    soakNote,
    wave.map((m) => m.instanceId),
  );
  const now = clock.now();
  await Promise.all(
    soaking.map((name) =>
      updateNode(kubernetes, clock, name, ({ metadata }) => {
        if (metadata.annotations?.[soakKey]) return false;
        metadata.annotations = { ...metadata.annotations, [soakKey]: rfc3339(now) };
        return true;
      }),
    ),
  );
  const nodes = async () =>
    (await kubernetes.list('nodes')).items.filter((n) => soaking.includes(n.metadata.name));
  const left = soakLeftMs(await nodes(), settings.soakMs, clock.now());
  const until = clock.now() + left;
  say(`Keeping ${names(soaking)} empty for ${describeDuration(left)} (soak) before termination.`);
  const leaving = new Set(soaking);
  let passes = 0;
  let shutSince: number | undefined;
  const look = async (): Promise<Look<true>> => {
    const wanted = (await nodes()).find((n) => !isOursStill(n, journal.runId));
    if (wanted) {
      await updateNode(kubernetes, clock, wanted.metadata.name, forgetSoak);
      throw new SoakFailed(
        `The taint ${taintKey} was taken off ${wanted.metadata.name} while it soaked, so it is not terminated. To go on with the rotation, run the workflow again; to return to the old nodes, roll back.`,
      );
    }
    const shut = await lookAtGate(context, known, (node) => leaving.has(node) || notCounted(node));
    passes = shut ? 0 : passes + 1;
    if (passes >= settings.requiredPasses) shutSince = undefined;
    else if (shut) shutSince ??= clock.now();
    if (shut && clock.now() - (shutSince ?? clock.now()) >= settings.timeouts.gate)
      throw new SoakFailed(
        `While ${names(soaking)} soaked, the cluster was worse than before for ${describeDuration(settings.timeouts.gate)} (gate-timeout): ${shut}. The old nodes are still there. Find the cause, then run the workflow again or roll back.`,
      );
    if (clock.now() >= until && passes >= settings.requiredPasses) return { done: true };
    return { waiting: shut ?? `empty for ${describeDuration(Math.max(0, until - clock.now()))} more` };
  };
  await waitUntil(look, {
    what: `the soak of ${names(soaking)}`,
    timeoutName: 'gate-timeout',
    // A gate that opens and shuts again must not hold them for ever.
    timeoutMs: left + settings.timeouts.gate,
    pollMs,
    say,
    sayEveryMs: 20_000,
    clock,
    signal,
    wake: context.changed,
  });
}

const isOursStill = (node: Node, runId: string): boolean =>
  node.spec.taints?.some((t) => t.key === taintKey && t.value === runId && t.effect === 'NoSchedule') ??
  false;

/** A change for `updateNode`: the node has not been empty, as far as anybody knows. */
export function forgetSoak({ metadata }: Node): boolean {
  if (metadata.annotations?.[soakKey] === undefined) return false;
  delete metadata.annotations[soakKey];
  return true;
}
