import { count, names } from '../text.ts';
import type { Plan } from './plan.ts';
import { type Decisions, decisionsOf } from './plan-digest.ts';

/**
 * What a later step needs of a plan to tell what has changed since: the head of the output `plan`, which is handed back in as
 * the input `plan`.
 */
export interface HandedPlan {
  digest: string;
  groups: HandedGroup[];
  /** The settings that decide what is done. */
  settings: Decisions;
}

export interface HandedGroup {
  name: string;
  min: number;
  max: number;
  desired: number;
  peak: number;
  /** How many members are outdated. */
  outdated: number;
  imageId: string;
  template: string;
  /** Members per zone. */
  zones: Record<string, number>;
  /** The outdated members; only the first of very many. */
  instances: string[];
}

/**
 * So many nodes are listed one by one. An input reaches the process as an environment variable, which Linux limits to 128 KiB
 * (MAX_ARG_STRLEN, execve(2)); GitHub limits the outputs of a job to 1 MB, counted in UTF-16
 * (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs).
 */
export const mostListed = 1000;

export function handOn(plan: Plan, settings: object): HandedPlan {
  let room = mostListed;
  const groups = plan.groups.map(({ name, min, max, desired, peak, outdated, imageId, template, zones }) => {
    const instances = outdated.slice(0, room);
    room -= instances.length;
    return {
      name,
      min,
      max,
      desired,
      peak,
      outdated: outdated.length,
      imageId,
      template,
      zones,
      instances,
    };
  });
  return { digest: plan.digest, groups, settings: decisionsOf(settings) };
}

/** @throws Error that says what was expected. */
export function parseHandedPlan(document: unknown): HandedPlan {
  const plan = document as Partial<HandedPlan> | null;
  const fits =
    typeof plan === 'object' &&
    plan !== null &&
    typeof plan.digest === 'string' &&
    typeof plan.settings === 'object' &&
    Array.isArray(plan.groups) &&
    plan.groups.every((g) => typeof g?.name === 'string' && Array.isArray(g.instances));
  if (!fits) throw new Error('expected the output plan of rotate-nodes phase: plan, unchanged');
  return plan as HandedPlan;
}

/**
 * What is not as it was planned, one line each; none when nothing is. Members are named by their nodes where they are known.
 * @param nodeOf the node of an instance that is there now
 */
export function movedSince(
  planned: HandedPlan,
  now: HandedPlan,
  nodeOf: (instanceId: string) => string | undefined = () => undefined,
): string[] {
  const lines: string[] = [];
  for (const before of planned.groups) {
    const group = now.groups.find((g) => g.name === before.name);
    if (group) lines.push(...groupMoved(before, group, nodeOf));
    else lines.push(`group ${before.name} was planned and is not there now`);
  }
  for (const { name, outdated } of now.groups)
    if (!planned.groups.some((g) => g.name === name))
      lines.push(`group ${name} was not planned, and is there now with ${outdated} outdated`);
  const keys = [...new Set([...Object.keys(planned.settings), ...Object.keys(now.settings)])].sort();
  for (const key of keys) {
    const [before, after] = [planned.settings[key], now.settings[key]].map((v) => JSON.stringify(v));
    if (before !== after)
      lines.push(`${inputName(key)} was ${before ?? 'not set'}, now it is ${after ?? 'not set'}`);
  }
  return lines;
}

function groupMoved(
  before: HandedGroup,
  group: HandedGroup,
  nodeOf: (instanceId: string) => string | undefined,
): string[] {
  const { name } = group;
  const lines = (['min', 'max', 'desired', 'peak'] as const)
    .filter((key) => before[key] !== group[key])
    .map((key) => `${name}: ${key} was ${before[key]}, now it is ${group[key]}`);
  if (before.imageId !== group.imageId || before.template !== group.template)
    lines.push(
      `${name} launched ${before.imageId} of ${before.template}, now ${group.imageId} of ${group.template}`,
    );
  const zones = [...new Set([...Object.keys(before.zones), ...Object.keys(group.zones)])].sort();
  for (const zone of zones) {
    const [was, is] = [before.zones[zone] ?? 0, group.zones[zone] ?? 0];
    if (was !== is) lines.push(`${name}: ${zone} had ${count(was, 'node')}, now ${is}`);
  }
  const named = (id: string): string => (nodeOf(id) ? `${nodeOf(id)} (${id})` : id);
  const cut = [before, group].some((g) => g.instances.length < g.outdated);
  const left = before.instances.filter((id) => !group.instances.includes(id));
  const joined = group.instances.filter((id) => !before.instances.includes(id));
  if (cut && before.outdated !== group.outdated)
    lines.push(`${name}: ${before.outdated} nodes were outdated, now ${group.outdated}`);
  // Of more nodes than are listed, one that is not among the listed may still be there.
  if (cut && left.length + joined.length > 0)
    lines.push(`${name}: other nodes are outdated than were planned (the plan lists ${mostListed})`);
  if (cut) return lines;
  if (left.length > 0)
    lines.push(
      `${name}: outdated as planned, but now replaced, gone or up to date: ${names(left.map(named), 10)}`,
    );
  if (joined.length > 0)
    lines.push(`${name}: outdated now, but not planned: ${names(joined.map(named), 10)}`);
  return lines;
}

/** `maxSurge` → `max-surge`, as the user wrote it. */
const inputName = (setting: string): string => setting.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
