import { sameSource } from '../cluster/launch-choices.ts';
import { membersOf } from '../cluster/members.ts';
import { podName } from '../cluster/pods.ts';
import type { Group, LaunchSource } from '../cluster/ports.ts';
import { matchesLabelQuery } from '../cluster/selectors.ts';
import type { Journal, Json } from '../journal/journal.ts';
import { count, names } from '../text.ts';
import type { Context } from './context.ts';
import { troubles } from './gate.ts';
import { pinned } from './image/copies.ts';
import { untilDescribed } from './launch-described.ts';
import { terminate } from './leave.ts';
import { backIntoBalancers } from './load-balancers.ts';
import { intoOf } from './move-into.ts';
import { type Plan, type PlannedGroup, planReturn, type Sizes, sizesOf, targetOf } from './plan.ts';
import { reopenNodes } from './reopen.ts';
import { redisNote } from './restore.ts';
import { commandFor, makesAgain, sourceOf, wordsOf } from './return-source.ts';
import { lookAround, refuseRefresh } from './view.ts';

/** What to do with a run that is unfinished and has done nothing that a rollback could undo. */
export const endIt = (runId: string): string =>
  `Run the workflow again to go on with it, or rotate-nodes with phase: restore and run-id: ${runId} to end it.`;

/** What a rollback does, in the journal before it does it. */
export const rollbackNote = 'rollback';
const returnPlanNote = 'rollback-plan';
export const rolledBackNote = 'rolled-back';

/** The way back of one group. */
interface Turn {
  name: string;
  /** What the group is set to launch from when the rollback begins, and what it will be. */
  from: LaunchSource;
  to: LaunchSource;
  /** What happens to it, for people. */
  words: string[];
}

/** What a rollback will do. */
export interface WayBack {
  runId: string;
  /** Members launched until then stay. */
  keptUntil: number;
  turns: Turn[];
  sizes: Sizes[];
  /** What is not turned back, for people. */
  stays: string[];
}

/** What a rollback does, for people. */
export const wordsOfWay = ({ turns, stays }: WayBack): string[] => [
  ...turns.flatMap((t) => t.words),
  ...stays,
];

type Readable = Pick<Journal, 'noted' | 'valueBefore'>;
type Reader = Pick<Context, 'aws' | 'kubernetes'>;
interface Noted {
  turns: Turn[];
  sizes: Sizes[];
}

/**
 * Finds the way back of a run; only reads.
 * @param unfinished sizes are those from before the run; a run that has ended left its groups to others, whose sizes count
 * @throws Error with everything that makes it impossible.
 */
export async function findWayBack(
  source: Reader,
  runId: string,
  journal: Readable,
  unfinished: boolean,
): Promise<WayBack> {
  const plan = journal.noted('plan') as unknown as Plan | undefined;
  if (!plan)
    throw new Error(
      `Run ${runId} has no plan: it ended before it touched a node, and there is nothing to undo.${unfinished ? ` ${endIt(runId)}` : ''}`,
    );
  if (plan.groups.some((g) => !Array.isArray(g.ran)))
    throw new Error(
      `The plan of run ${runId} does not say what the old nodes ran: an older version of this action made it. Point the groups at the old template version yourself and run the workflow again with phase: all.`,
    );
  if (intoOf(plan))
    throw new Error(
      `Run ${runId} moved nodes into ${intoOf(plan)}, and left what each group launches as it was. To go back, run the workflow the other way round: with phase: all and target-group: ${plan.groups[0]?.from?.[0]?.name}.`,
    );
  const stays = controlPlaneStays(plan);
  if (plan.groups.length === 0) throw new Error(`Run ${runId} cannot be rolled back: ${names(stays)}`);
  await refuseRefresh(
    source.aws,
    plan.groups.map((g) => g.name),
  );
  const noted = unfinished ? (journal.noted(rollbackNote) as unknown as Noted | undefined) : undefined;
  const groups = await source.aws.groups({ names: plan.groups.map((g) => g.name) });
  const problems: string[] = [];
  const turns: Turn[] = [];
  const after: Group[] = [];
  for (const planned of plan.groups) {
    const group = groups.find((g) => g.name === planned.name);
    if (!group) {
      problems.push(`The group ${planned.name} is gone.`);
      continue;
    }
    const from = await source.aws.launchSource(group.name);
    const begun = noted?.turns.find((t) => t.name === group.name);
    const found = begun
      ? begun.to
      : await sourceBefore(source, planned, group, from, launchBefore(journal, group.name), runId);
    const launches = typeof found === 'string' ? undefined : await source.aws.launchesOf(found);
    if (typeof found === 'string' || !launches) {
      problems.push(
        typeof found === 'string' ? found : `${group.name}: what it launched from before is gone.`,
      );
      continue;
    }
    after.push({ ...group, ...launches });
    turns.push({ name: group.name, from: begun?.from ?? from, to: found, words: [] });
  }
  const { turned, stranded } = await whoMoves(source, journal, plan, after, groups, turns);
  problems.push(...stranded);
  if (problems.length > 0)
    throw new Error(
      `Run ${runId} cannot be rolled back, and nothing was touched:\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  const view = await lookAround(source, { names: plan.groups.map((g) => g.name) });
  return {
    runId,
    keptUntil: plan.newest,
    turns: turned,
    stays,
    sizes: noted?.sizes ?? (unfinished ? plan.groups.map(sizesBefore) : sizesOf(view.groups, view.members)),
  };
}

/**
 * An API server must not be older than any kubelet, and etcd not older than what has written to it, so the control plane is not
 * turned back (https://kubernetes.io/releases/version-skew-policy/).
 */
const controlPlaneStays = ({ controlPlane }: Plan): string[] =>
  controlPlane && controlPlane.waves.length > 0
    ? [
        `The control plane (${names(controlPlane.groups.map((g) => g.name))}) stays as it is: workers may be older than it, never newer, and etcd may have data that an older one cannot read. To go back all the same, set the old image in its instance groups (kops edit instancegroup, kops update cluster --yes), then run phase: all with control-plane: roll.`,
      ]
    : [];

const sizesBefore = ({ name, min, max, desired, zones }: PlannedGroup): Sizes => ({
  name,
  min,
  max,
  desired,
  zones,
});

/** What the run itself wrote down before it pointed the group elsewhere. */
const launchBefore = (journal: Readable, group: string): LaunchSource | undefined =>
  journal.valueBefore(`group/${group}/launch`) as unknown as LaunchSource | undefined;

/** What the group launched from before the run, or why it cannot again. */
async function sourceBefore(
  { aws }: Reader,
  planned: PlannedGroup,
  group: Group,
  present: LaunchSource,
  before: LaunchSource | undefined,
  runId: string,
): Promise<LaunchSource | string> {
  const [most] = planned.ran;
  if (!most || makesAgain(group, most)) return present;
  const isNew = (launched: Pick<Group, 'target' | 'overrides'>): boolean => {
    const { imageId, template } = targetOf({ ...group, ...launched });
    // A run that was killed may not have written down the number of its copy.
    return imageId === planned.imageId && (template === planned.template || planned.launch !== undefined);
  };
  // `$Latest` may mean by now what the run made; then it is the number that it meant before.
  const known = before ? [before, ...(planned.launch ? [pinned(planned.launch)] : [])] : [];
  let exact: LaunchSource | undefined;
  for (const source of known) {
    const launched = exact ? undefined : await aws.launchesOf(source);
    if (launched && !isNew({ overrides: [], ...launched })) exact = source;
  }
  const to = exact ?? sourceOf(planned.ran, present);
  const makeOne = most.template
    ? `Make a version with that image (aws ec2 create-launch-template-version --launch-template-id ${most.template.id} --source-version '$Latest' --launch-template-data '{"ImageId":"${most.imageId}"}')`
    : `Make a launch configuration with image ${most.imageId}`;
  const yourself = `${makeOne}, point ${group.name} at it, and run the workflow again with phase: all: it replaces the new nodes.`;
  const launches = await aws.launchesOf(to);
  if (!launches)
    return `${group.name}: ${wordsOf(most)}, which its old nodes ran, is gone; they ran image ${most.imageId}. ${yourself}`;
  if (!exact && !makesAgain(launches, most))
    return `${group.name}: ${wordsOf(most)} launches ${launches.target.imageId} now, but its old nodes ran ${most.imageId}: its image is an SSM parameter that has moved on. ${yourself}`;
  const images = [launches.target, ...(launches.overrides ?? []).map((o) => o.target)].map((t) => t.imageId);
  const available = (await aws.images(images)).filter((i) => i.state === 'available');
  const lost = images.find((id) => !available.some((i) => i.id === id));
  if (lost)
    return `${group.name}: image ${lost}, which ${wordsOf(launches.target)} launches, is gone or not available. Restore it (aws ec2 restore-image-from-recycle-bin --image-id ${lost}) or have it shared again, then run phase: rollback again; or run phase: all with another image (input ami).`;
  if (!isNew({ target: group.target, overrides: group.overrides ?? [] }))
    return `${group.name} launches from ${wordsOf(group.target)} (${group.target.imageId}), which is not what run ${runId} rolled to: somebody has changed it since. To go back all the same, set it yourself and run phase: rollback again: ${commandFor(group.name, to)}`;
  return to;
}

/** Fills in who stays and who leaves, and names Redis on nodes that would leave. */
async function whoMoves(
  { aws, kubernetes }: Reader,
  journal: Readable,
  plan: Plan,
  after: readonly Group[],
  before: readonly Group[],
  turns: readonly Turn[],
): Promise<{ turned: Turn[]; stranded: string[] }> {
  const [instances, nodes, pods] = await Promise.all([
    aws.instances(after.flatMap((g) => g.instances.map((i) => i.id))),
    kubernetes.list('nodes'),
    kubernetes.list('pods'),
  ]);
  const members = membersOf(after, instances, nodes.items).filter(
    (m) => m.state !== 'leaving' && m.state !== 'standby',
  );
  const leaving = members.filter((m) => m.launchedAt > plan.newest && !m.upToDate);
  const selections = (journal.noted(redisNote) as { namespace: string; labels: string }[] | undefined) ?? [];
  const stranded: string[] = [];
  const turned = turns.map((turn) => {
    const nameOf = (m: (typeof members)[number]) => m.node?.metadata.name ?? m.instanceId;
    const own = members.filter((m) => m.group === turn.name);
    const going = leaving.filter((m) => m.group === turn.name);
    const old = own.filter((m) => m.launchedAt <= plan.newest);
    const redis = pods.items.filter(
      (p) =>
        going.some((m) => m.node && m.node.metadata.name === p.spec.nodeName) &&
        selections.some(
          (s) => s.namespace === p.metadata.namespace && matchesLabelQuery(s.labels, p.metadata.labels),
        ),
    );
    if (redis.length > 0)
      stranded.push(
        `${turn.name}: Redis runs on its new nodes (${names(redis.map(podName))}), and only migrate-redis moves it without losing writes. Point the group back yourself, then run the workflow again: it moves Redis and replaces the new nodes. ${commandFor(turn.name, turn.to)}`,
      );
    const now = before.find((g) => g.name === turn.name);
    const then = after.find((g) => g.name === turn.name);
    const target = then && `${wordsOf(then.target)} (${then.target.imageId})`;
    const words = [
      sameSource(turn.from, turn.to)
        ? `${turn.name} launches from ${target} already.`
        : `${turn.name} launches from ${target} again, no longer from ${now && wordsOf(now.target)} (${now?.target.imageId}).`,
      `${turn.name}: ${count(old.length, 'old node')} ${old.length === 1 ? 'stays' : 'stay'} (${names(old.map(nameOf))}), ` +
        `${count(going.length, 'new node')} ${going.length === 1 ? 'leaves' : 'leave'} (${names(going.map(nameOf))}).`,
    ];
    return { ...turn, words };
  });
  return { turned, stranded };
}

/** Writes the way down before the first step on it; the way that is there already stays. */
export async function noteWayBack(journal: Pick<Journal, 'note'>, { turns, sizes }: WayBack): Promise<void> {
  await journal.note(returnPlanNote, null);
  await journal.note(rollbackNote, { turns, sizes } as unknown as Json);
}

/** The plan that the journal holds now: the one of the way back, once it is on it. */
export function planInForce(journal: Readable): Plan | undefined {
  const plan = journal.noted('plan') as unknown as Plan | undefined;
  const back = journal.noted(returnPlanNote) as unknown as Plan | null | undefined;
  const noted = journal.noted(rollbackNote) as unknown as Noted | undefined;
  if (back || !plan || !noted) return back ?? plan;
  return {
    ...plan,
    groups: plan.groups.map((g) => ({ ...g, ...noted.sizes.find((s) => s.name === g.name) })),
  };
}

/**
 * Turns round: old nodes take pods again, groups launch what they launched before, and new instances that never became nodes go.
 * Returns the plan of the rotation that follows, in which the nodes that came with the run are the outdated ones.
 */
export async function turnBack(context: Context, way: WayBack): Promise<Plan> {
  const { journal, aws, clock, settings, say } = context;
  const noted = journal.noted(returnPlanNote) as unknown as Plan | null | undefined;
  if (noted) return noted;
  const cleaned = await reopenNodes(context);
  if (cleaned.length > 0) say(`Taints and cordons removed from ${names(cleaned)}.`);
  // What AWS refuses stays in the journal, and the restore at the end says so.
  for (const line of (await backIntoBalancers(context)).done) say(`${line}.`);
  for (const { name, to, words } of way.turns) {
    if (sameSource(await aws.launchSource(name), to)) continue;
    await aws.launchFrom(name, to);
    say(words[0] ?? '');
  }
  await untilDescribed(context, new Map(way.turns.map(({ name, to }) => [name, to])));
  const planNow = async (): Promise<{ plan: Plan; view: Awaited<ReturnType<typeof lookAround>> }> => {
    const view = await lookAround(context, settings.select, { fresh: true });
    return { plan: planReturn(way.sizes, view.groups, view.members, settings, clock.now()), view };
  };
  const { plan, view } = await planNow();
  // They carry nothing, and must not be taken for replacements.
  const useless = view.members.filter(
    (m) =>
      m.launchedAt > way.keptUntil &&
      !m.upToDate &&
      (m.state === 'orphaned' || (m.state === 'joining' && m.lifecycle.startsWith('Pending'))),
  );
  if (useless.length > 0) await terminate(context, plan, useless);
  const { plan: final } = await planNow();
  await journal.note('troubles', await troubles(context.kubernetes));
  await journal.note(returnPlanNote, final as unknown as Json);
  return final;
}
