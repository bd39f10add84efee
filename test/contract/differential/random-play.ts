import type { TaintEffect } from '../../../src/cluster/objects.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';
import { chance, dice } from './dice.ts';
import { hasTwin } from './random-budgets.ts';
import { capacity } from './random-workloads.ts';
import type { Workload, World } from './world.ts';

/** Running pods of a workload, so chosen that it does not matter which of several equal ones are meant. */
export interface Chosen {
  workload: string;
  /** Only pods on the node with this label `slot`. */
  slot?: string;
  count: number;
  /** From the highest name down; tells the ordinals of a StatefulSet apart. */
  last: boolean;
}

export type Action =
  | { do: 'cordon' | 'uncordon' | 'untaint' | 'lose node' | 'evict from node'; slot: string }
  | { do: 'taint'; slot: string; effects: TaintEffect[] }
  | { do: 'evict'; pods: Chosen }
  | { do: 'evict pending'; workload: string }
  | { do: 'delete'; pods: Chosen; graceSeconds: number }
  | { do: 'scale'; workload: string; replicas: number }
  /** A template of this color, perhaps one that the workload has or had; with `nowhere` no node matches it. */
  | { do: 'change template'; workload: string; color: string; nowhere: boolean }
  | { do: 'delete budget'; budget: string };

/** What the play so far has done to the world, as far as it decides what is still unambiguous. */
interface Course {
  random: Random;
  world: World;
  closed: Map<string, 'cordoned' | 'tainted'>;
  lost: Set<string>;
  budgets: Set<string>;
  replicas: Map<string, number>;
}

/**
 * Three to eight actions. Whatever would leave a choice that matters later can only come last: a rollout that gets stuck
 * tells its pods apart, and a lost node makes spread pods uneven.
 */
export function randomPlay(world: World): Action[] {
  const course: Course = {
    random: new Random(world.seed * 104_729 + 5),
    world,
    closed: new Map(),
    lost: new Set(),
    budgets: new Set(world.budgets.filter((b) => !hasTwin(b, world.budgets)).map((b) => b.metadata.name)),
    replicas: new Map(world.workloads.map((w) => [w.name, w.replicas])),
  };
  const { random } = course;
  const actions: Action[] = [];
  for (let wanted = 3 + dice(random, 5); actions.length < wanted; ) {
    const action = random.pick(kinds)(course);
    if (action) actions.push(action);
  }
  const last = chance(random, 0.5) ? lastRollout(course) : lastLoss(course);
  return last ? [...actions, last] : actions;
}

type Kind = (course: Course) => Action | undefined;

const open = ({ world, closed, lost }: Course): string[] =>
  world.machines
    .slice(1)
    .map((m) => m.labels.slot ?? '')
    .filter((slot) => !closed.has(slot) && !lost.has(slot));

const present = ({ world, lost }: Course): string[] =>
  world.machines.map((m) => m.labels.slot ?? '').filter((slot) => !lost.has(slot));

const isSpread = (workload: Workload): boolean => workload.placement.how === 'spread';

const cordon: Kind = (course) => {
  const [slot] = shuffled(course, open(course));
  if (!slot) return undefined;
  course.closed.set(slot, 'cordoned');
  return { do: 'cordon', slot };
};

const taint: Kind = (course) => {
  const [slot] = shuffled(course, open(course));
  if (!slot) return undefined;
  course.closed.set(slot, 'tainted');
  return { do: 'taint', slot, effects: course.random.pick(effects) };
};

/** Never NoExecute alone: pods that tolerate it for a while would come back for ever. */
const effects: TaintEffect[][] = [
  ['NoSchedule'],
  ['NoSchedule', 'NoExecute'],
  ['NoSchedule', 'NoExecute'],
  ['PreferNoSchedule'],
];

const reopen: Kind = (course) => {
  const [entry] = shuffled(course, [...course.closed]);
  if (!entry) return undefined;
  const [slot, how] = entry;
  course.closed.delete(slot);
  return { do: how === 'cordoned' ? 'uncordon' : 'untaint', slot };
};

const evictFromNode: Kind = (course) => ({
  do: 'evict from node',
  slot: course.random.pick(present(course)),
});

const evict: Kind = (course) => ({ do: 'evict', pods: choose(course, 1 + dice(course.random, 3)) });

const evictPending: Kind = ({ random, world }) => {
  const [workload] = world.workloads.filter(
    (w) => w.resource === 'deployments' || w.resource === 'replicasets',
  );
  if (!workload || chance(random, 0.6)) return undefined;
  return { do: 'evict pending', workload: workload.name };
};

const deletePod: Kind = (course) => ({
  do: 'delete',
  pods: choose(course, 1),
  graceSeconds: course.random.pick([0, 1, 3]),
});

function choose(course: Course, count: number): Chosen {
  const { random, world } = course;
  const workload = random.pick(world.workloads);
  const anyOfThem = workload.placement.how === 'anywhere' || workload.placement.how === 'pinned';
  const where = anyOfThem ? {} : { slot: random.pick(present(course)) };
  return { workload: workload.name, ...where, count, last: chance(random, 0.5) };
}

const scale: Kind = (course) => {
  const { random, world } = course;
  const workload = random.pick(world.workloads);
  const replicas = newReplicas(course, workload);
  if (replicas === undefined || replicas === course.replicas.get(workload.name)) return undefined;
  course.replicas.set(workload.name, replicas);
  return { do: 'scale', workload: workload.name, replicas };
};

function newReplicas({ random, world, closed, replicas }: Course, workload: Workload): number | undefined {
  switch (workload.placement.how) {
    case 'every node':
      return undefined;
    case 'filling':
      return capacity(workload.placement.by, world.machines) + dice(random, 4);
    case 'spread':
      // Which of the pods of a node went would be the ReplicaSet's choice, so that it only grows, and evenly.
      return closed.size > 0 ? undefined : (replicas.get(workload.name) ?? 0) + world.machines.length;
    default:
      return dice(random, 6);
  }
}

const colors = ['blue', 'green'];

const rollOut: Kind = ({ random, world }) => {
  const complete = world.workloads.filter(
    (w) =>
      w.resource === 'daemonsets' ||
      (w.resource !== 'replicasets' && w.placement.how === 'anywhere' && !w.gated),
  );
  if (complete.length === 0) return undefined;
  const { name } = random.pick(complete);
  return { do: 'change template', workload: name, color: random.pick(colors), nowhere: false };
};

const loseNode: Kind = (course) => {
  if (course.world.workloads.some(isSpread)) return undefined;
  const [slot] = losable(course);
  if (!slot || chance(course.random, 0.5)) return undefined;
  course.closed.delete(slot);
  course.lost.add(slot);
  return { do: 'lose node', slot };
};

/** A StatefulSet all of whose pods die in any order re-creates those that are missed while the first still seems to run. */
function losable(course: Course): string[] {
  const ordered = course.world.workloads.filter((w) => w.ordered).map((w) => w.placement);
  const slots = present(course).slice(1);
  return shuffled(
    course,
    slots.filter((slot) => !ordered.some((p) => p.how === 'pinned' && p.slot === slot)),
  );
}

const deleteBudget: Kind = ({ random, budgets }) => {
  const [budget] = budgets;
  if (!budget || chance(random, 0.5)) return undefined;
  budgets.delete(budget);
  return { do: 'delete budget', budget };
};

const kinds: Kind[] = [
  cordon,
  cordon,
  taint,
  taint,
  reopen,
  evictFromNode,
  evictFromNode,
  evict,
  evict,
  evictPending,
  deletePod,
  scale,
  scale,
  rollOut,
  loseNode,
  deleteBudget,
];

function lastRollout({ random, world, closed }: Course): Action | undefined {
  const able = world.workloads.filter((w) => {
    if (w.resource === 'replicasets') return false;
    // Whether a replica goes from a closed or from an open node would decide whether the next one finds room.
    return closed.size === 0 || (w.placement.how !== 'filling' && !isSpread(w));
  });
  if (able.length === 0) return undefined;
  const { name } = random.pick(able);
  return { do: 'change template', workload: name, color: random.pick(colors), nowhere: chance(random, 0.3) };
}

function lastLoss(course: Course): Action | undefined {
  const [slot] = losable(course);
  return slot && chance(course.random, 0.4) ? { do: 'lose node', slot } : undefined;
}

function shuffled<T>({ random }: Course, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** One line for the log. */
export function described(action: Action): string {
  const { do: verb, ...rest } = action;
  const words = Object.entries(rest).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  return [verb, ...words].join(', ');
}
