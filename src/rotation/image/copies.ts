import { choicesOf, sameSource, withChoices } from '../../cluster/launch-choices.ts';
import { AwsError, type Group, type LaunchSource, type TemplateChoice } from '../../cluster/ports.ts';
import type { Journal, Json } from '../../journal/journal.ts';
import { count, messageOf, names } from '../../text.ts';
import type { Context } from '../context.ts';
import { untilDescribed } from '../launch-described.ts';
import { type Plan, type PlannedGroup, targetOf } from '../plan.ts';
import { type PlannedLaunch, type PlannedPart, partName, targetsOf } from './intent.ts';

/** Where the journal keeps what a group launched from before; it stays there for a later rollback. */
export const launchKey = (group: string): string => `group/${group}/launch`;
/** Noted when every node is replaced: from then on groups stay pointed at their copies. */
export const copiesStayNote = 'copies-stay';

type Target = PlannedGroup & { launch: PlannedLaunch };
type Tools = Pick<Context, 'aws' | 'say'> & { journal: Journal };

const changes = (part: PlannedPart): boolean => part.now !== part.next;
const hasCopies = (group: PlannedGroup): group is Target => group.launch !== undefined;

/** What tells a copy of this run from all other versions. AWS takes 255 characters. */
const descriptionOf = (runId: string, part: PlannedPart): string =>
  `${madeBy(runId)}version ${part.template?.version} with ${part.next}`;
const madeBy = (runId: string): string => `eks-rolling ${runId}: `;

/** The name of a copied launch configuration: that of its origin and the run, not that of all runs before. */
export function copyName(origin: string, runId: string): string {
  const suffix = `-eks-rolling-${runId}`;
  return origin.replace(/-eks-rolling-\d{8}-\d{6}(-\d+)?$/, '').slice(0, 255 - suffix.length) + suffix;
}

/**
 * Points every group that gets another image at copies of what it launches from, the source from before in the journal
 * first. A copy is found by its description or its name, so that a run that was killed makes no second one.
 * @returns the plan with what the groups launch now
 */
export async function pointAtCopies(context: Context, plan: Plan): Promise<Plan> {
  const planned = plan.groups.filter(hasCopies);
  if (planned.length === 0) return plan;
  // Followers of $Latest first: a copy of another version of their template would be $Latest for them.
  const aims = new Map<string, LaunchSource>();
  for (const followers of [true, false])
    for (const group of planned)
      if (followsLatest(group) === followers) aims.set(group.name, await pointAtCopy(context, group));
  await untilDescribed(context, aims);
  const groups = await context.aws.groups({ names: planned.map((g) => g.name) }, { fresh: true });
  return {
    ...plan,
    groups: plan.groups.map((group) => {
      const now = groups.find((g) => g.name === group.name);
      if (!group.launch || !now) return group;
      refuseOtherImages(group.name, group.launch, now);
      return { ...group, ...targetOf(now) };
    }),
  };
}

const followsLatest = (group: Target): boolean =>
  choicesOf(group.launch.source).some((c) => c.Version === '$Latest');

/** Returns what the group launches from now. */
async function pointAtCopy(context: Context, group: Target): Promise<LaunchSource> {
  const { aws, journal, say } = context;
  const { name, launch } = group;
  const present = await aws.launchSource(name);
  const made = await copiesMade(context, launch);
  const aimed = aimedAt(launch, made, journal.runId);
  if (aimed && sameSource(present, aimed)) return aimed;
  await refuseMovedSource(context, group, present);
  await journal.before(launchKey(name), launch.source as unknown as Json);
  const choices = choicesOf(launch.source);
  // The copies of what the group follows come last, so that $Latest never means another one's.
  const order = [...launch.parts.keys()].sort(
    (a, b) => Number(choices[a]?.Version === '$Latest') - Number(choices[b]?.Version === '$Latest'),
  );
  for (const i of order) {
    const part = launch.parts[i];
    if (part && changes(part)) made[i] ??= await copy(context, part);
  }
  const complete = aimedAt(launch, made, journal.runId);
  if (!complete) throw new Error(`Not every copy for ${name} was made.`);
  await aws.launchFrom(name, complete);
  const labels = [...new Set(launch.parts.flatMap((p, i) => (changes(p) ? labelOf(p, made[i]) : [])))];
  say(`${name} launches ${names(labels)} from now on, a copy with ${imagesOf(launch)}.`);
  return complete;
}

const labelOf = ({ template }: PlannedPart, made = ''): string =>
  template ? `${template.name}:${made}` : made;
const imagesOf = ({ parts }: PlannedLaunch): string =>
  names([...new Set(parts.filter(changes).map((p) => p.next))]);

/** The versions that are copies of the parts already; a launch configuration is told by its name alone. */
async function copiesMade({ aws, journal }: Tools, launch: PlannedLaunch): Promise<(string | undefined)[]> {
  const made: (string | undefined)[] = [];
  for (const part of launch.parts) {
    const versions = changes(part) && part.template ? await aws.templateVersions(part.template.id) : [];
    const description = descriptionOf(journal.runId, part);
    made.push(versions.find((v) => v.description === description)?.version);
  }
  return made;
}

async function copy({ aws, journal }: Tools, part: PlannedPart): Promise<string> {
  const { template, launchConfiguration = '', next: imageId } = part;
  if (!template) {
    const name = copyName(launchConfiguration, journal.runId);
    await aws.copyConfiguration(launchConfiguration, { name, imageId });
    return name;
  }
  const description = descriptionOf(journal.runId, part);
  // Another override of the same group may have had it made just now.
  const there = (await aws.templateVersions(template.id)).find((v) => v.description === description);
  if (there) return there.version;
  return aws.copyTemplate(
    { LaunchTemplateId: template.id, Version: template.version },
    { imageId, description },
  );
}

/** The source with its copies; undefined while one of them is missing. */
function aimedAt(
  { source, parts }: PlannedLaunch,
  made: readonly (string | undefined)[],
  runId: string,
): LaunchSource | undefined {
  if (source.kind === 'configuration') return { kind: 'configuration', name: copyName(source.name, runId) };
  if (parts.some((part, i) => changes(part) && made[i] === undefined)) return undefined;
  const choices = choicesOf(source).map((choice, i) => {
    const part = parts[i];
    if (part && changes(part)) return { ...choice, Version: made[i] ?? '' };
    // What keeps its image and follows $Latest is pinned, where a copy becomes that.
    const overtaken = parts.some((p) => changes(p) && p.template?.id === choice.LaunchTemplateId);
    return overtaken ? pin(choice, part) : choice;
  });
  return withChoices(source, choices);
}

const pin = (choice: TemplateChoice, part: PlannedPart | undefined): TemplateChoice =>
  choice.Version === '$Latest' ? { ...choice, Version: part?.template?.version ?? choice.Version } : choice;

/** What the group launched before, by number: the same also while `$Latest` means a copy. */
export const pinned = ({ source, parts }: PlannedLaunch): LaunchSource =>
  withChoices(
    source,
    choicesOf(source).map((choice, i) => pin(choice, parts[i])),
  );

/** @throws Error when the group is not set as it was planned, or launches something else by it. */
async function refuseMovedSource(context: Tools, group: Target, present: LaunchSource): Promise<void> {
  const { name, launch } = group;
  const again =
    'Nothing of it is copied. Run phase: restore if it has not happened, then run again for a new plan.';
  // A run that was killed while it pointed the group back may have left it pinned.
  if (!sameSource(present, launch.source) && !sameSource(present, pinned(launch)))
    throw new Error(`What ${name} is set to launch from was changed since the plan was made. ${again}`);
  const [now] = await context.aws.groups({ names: [name] }, { fresh: true });
  if (!now) throw new Error(`The group ${name} is gone since the plan was made. ${again}`);
  for (const [i, target] of targetsOf(now).entries()) {
    const part = launch.parts[i];
    const copies = target.template ? await copiesIn(context, target.template.id) : [];
    const same = part && partName(target) === partName(part) && target.imageId === part.now;
    if (same || copies.includes(target.template?.version ?? '')) continue;
    throw new Error(
      `What ${name} launches has changed since the plan was made: planned was a copy of ${part ? partName(part) : 'nothing'} with ${part?.now}, now it is ${partName(target)} with ${target.imageId}. ${again}`,
    );
  }
}

/** The versions of a template that this run made. */
async function copiesIn({ aws, journal }: Tools, templateId: string): Promise<string[]> {
  const versions = await aws.templateVersions(templateId);
  return versions.filter((v) => v.description.startsWith(madeBy(journal.runId))).map((v) => v.version);
}

function refuseOtherImages(name: string, { parts }: PlannedLaunch, now: Group): void {
  for (const [i, target] of targetsOf(now).entries()) {
    const next = parts[i]?.next;
    if (target.imageId !== next)
      throw new Error(
        `${name} should launch ${next} by now, but ${partName(target)} has ${target.imageId}: somebody else changed it. Run phase: restore if it has not happened, then run again for a new plan.`,
      );
  }
}

/** What came of putting back, in the words of restore. */
interface PutBack {
  done: string[];
  remaining: string[];
}

/**
 * After the rotation: a group stays pointed at its copies when all nodes were replaced, or when at least one of its nodes
 * runs them (else its next node would be an old one again); every other group goes back, so that nothing of the run is left.
 */
export async function putLaunchesBack(context: Tools): Promise<PutBack> {
  const { aws, journal, say } = context;
  // The plan of the run itself, also when a rollback has one of its own.
  const plan = journal.noted('plan') as unknown as Plan | undefined;
  if (!plan) return { done: [], remaining: [] };
  const changed = plan.groups.filter(hasCopies).filter((g) => journal.valueBefore(launchKey(g.name)));
  if (changed.length === 0 || journal.noted(copiesStayNote) === true) return { done: [], remaining: [] };
  const back: string[] = [];
  for (const { name, launch } of changed) {
    const [group] = await aws.groups({ names: [name] }, { fresh: true });
    const running = group ? await runCopies(context, group, launch) : 0;
    if (running === 0) back.push(name);
    else
      say(
        `${name} stays pointed at its copy with ${imagesOf(launch)}: ${count(running, 'node')} of it ${running === 1 ? 'runs' : 'run'} that already.`,
      );
  }
  return pointBack(context, plan, back);
}

/** How many members that are not leaving came from a copy. */
async function runCopies(context: Tools, group: Group, launch: PlannedLaunch): Promise<number> {
  const { runId } = context.journal;
  const templates = new Map<string, string[]>();
  for (const { template } of launch.parts)
    if (template) templates.set(template.id, await copiesIn(context, template.id));
  return group.instances.filter(({ lifecycle, template, launchConfiguration }) => {
    if (lifecycle.startsWith('Terminat') || lifecycle.startsWith('Detach')) return false;
    if (launch.source.kind === 'configuration')
      return launchConfiguration === copyName(launch.source.name, runId);
    return templates.get(template?.id ?? '')?.includes(template?.version ?? '') ?? false;
  }).length;
}

/**
 * Points these groups back at what they launched from before the run and removes the copies that no group of the plan is
 * pointed at any more. Following `$Latest` again is only right once no copy is the latest: until next, and if a copy must
 * stay, the group gets the number that it launched before.
 */
export async function pointBack(context: Tools, plan: Plan, groups: readonly string[]): Promise<PutBack> {
  const { journal, say } = context;
  const back: PutBack = { done: [], remaining: [] };
  const going: Target[] = [];
  for (const group of plan.groups.filter(hasCopies)) {
    const { name, launch } = group;
    if (!groups.includes(name) || journal.valueBefore(launchKey(name)) === undefined) continue;
    const present = await sourceOf(context, name);
    const aimed = aimedAt(launch, await copiesMade(context, launch), journal.runId);
    const known = [launch.source, pinned(launch), ...(aimed ? [aimed] : [])];
    if (!present || !known.some((k) => sameSource(present, k))) {
      if (present) say(`What ${name} launches from was changed by somebody else; it is left as it is.`);
      await journal.restored(launchKey(name));
      continue;
    }
    if (await pointedTo(context, back, group, sameSource(present, launch.source) ? present : pinned(launch)))
      going.push(group);
  }
  await removeCopies(context, plan, going);
  for (const group of going) {
    const { name, launch } = group;
    const held = await latestIsCopy(context, launch);
    if (!(await pointedTo(context, back, group, held ? pinned(launch) : launch.source))) continue;
    if (held)
      say(
        `${name} launches what it did before, but by the number of the version: $Latest of ${held} is a copy of this run that stays.`,
      );
    back.done.push(`${name} launches ${names([...new Set(launch.parts.map(partName))])} again`);
    await journal.restored(launchKey(name));
  }
  return back;
}

/** Whether the group is set to it now; what AWS refuses for one group must keep no other setting from coming back. */
async function pointedTo(
  { aws }: Tools,
  back: PutBack,
  { name, launch }: Target,
  source: LaunchSource,
): Promise<boolean> {
  try {
    if (!sameSource(await aws.launchSource(name), source)) await aws.launchFrom(name, source);
    return true;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    back.remaining.push(
      `${name} is not pointed back from its copy with ${imagesOf(launch)}: ${error.message}`,
    );
    return false;
  }
}

/** Undefined when there is no such group any more. */
async function sourceOf({ aws }: Tools, name: string): Promise<LaunchSource | undefined> {
  const [group] = await aws.groups({ names: [name] }, { fresh: true });
  return group && (await aws.launchSource(name));
}

/** The name of a template that the source follows and whose latest version is a copy of this run. */
async function latestIsCopy(context: Tools, { source, parts }: PlannedLaunch): Promise<string | undefined> {
  for (const [i, choice] of choicesOf(source).entries()) {
    if (choice.Version !== '$Latest') continue;
    const latest = (await context.aws.templateVersions(choice.LaunchTemplateId)).at(-1)?.version ?? '';
    if ((await copiesIn(context, choice.LaunchTemplateId)).includes(latest))
      return parts[i]?.template?.name ?? choice.LaunchTemplateId;
  }
  return undefined;
}

/** A copy that cannot be removed does no harm: it is said, and no group is left following it. */
async function removeCopies(context: Tools, plan: Plan, going: readonly Target[]): Promise<void> {
  const { aws, journal, say } = context;
  const used = new Set<string>();
  for (const { name } of plan.groups.filter(hasCopies)) {
    const present = await sourceOf(context, name);
    if (present?.kind === 'configuration') used.add(present.name);
    else if (present)
      for (const { LaunchTemplateId, Version } of choicesOf(present))
        used.add(`${LaunchTemplateId} ${Version}`);
  }
  const attempt = async (what: string, remove: () => Promise<void>): Promise<void> => {
    try {
      await remove();
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      say(`The copy ${what} stays, because it could not be removed: ${messageOf(error)}`);
    }
  };
  const templates = new Map(
    going
      .flatMap((g) => g.launch.parts)
      .flatMap(({ template }) => (template ? [[template.id, template.name]] : [])),
  );
  for (const [id, name] of templates)
    for (const version of await copiesIn(context, id))
      if (!used.has(`${id} ${version}`))
        await attempt(`${name}:${version}`, () => aws.removeTemplateVersion(id, version));
  for (const { launch } of going) {
    if (launch.source.kind !== 'configuration') continue;
    const name = copyName(launch.source.name, journal.runId);
    if (!used.has(name)) await attempt(name, () => aws.removeConfiguration(name));
  }
}
