import type { Pod } from '../../cluster/objects.ts';
import type { Aws, Kubernetes, ScalingActivity } from '../../cluster/ports.ts';
import { messageOf } from '../../text.ts';
import { autoscalersAmong } from '../cluster-autoscaler.ts';
import type { RotationSettings } from '../context.ts';
import { controlPlanePace, membersOfPlan, wholePlan } from '../control-plane/plan.ts';
import { type Plan, waveSize } from '../plan.ts';
import { lookAround } from '../view.ts';
import { askEvictions } from './ask.ts';
import { type Blocker, blockersOf } from './blockers.ts';
import { changesOf } from './changes.ts';
import { type DurationForecast, forecastDuration, inTurn, type Loads, loadsOf } from './duration.ts';
import { type History, historyOf } from './history.ts';
import { type Objects, type Workload, workloadsOn } from './workloads.ts';

/** What will happen if the plan is carried out now. */
export interface Forecast {
  duration: DurationForecast;
  blockers: Blocker[];
  /** How it was found out who blocks. */
  how: string;
  /** The most nodes of all groups at once. */
  peak: number;
  /** What will be changed and put back. */
  changes: string[];
  /** What was assumed, because the cluster does not tell. */
  assumed: string[];
}

/** What is known of the cluster to say how long a wave will take. */
export interface Knowledge {
  loads: Loads;
  history: History;
  surgesFirst: (group: string) => number;
}

interface Source {
  kubernetes: Kubernetes;
  aws: Aws;
  say: (line: string) => void;
}

/** Activities of the last days tell how long instances take to terminate; AWS keeps six weeks. */
const historyMs = 7 * 86_400_000;

/** Everything that the plan tells; only reads, and asks the Eviction API with dry runs. */
export async function forecast(
  source: Source,
  plan: Plan,
  settings: RotationSettings,
  now: number,
  redis: readonly Pod[],
): Promise<Forecast> {
  const whole = wholePlan(plan);
  const { workloads, knowledge, groups, deployments } = await learn(source, plan, settings, now);
  const { loads, history, surgesFirst } = knowledge;
  const first = plan.controlPlane?.waves ?? [];
  const before = forecastDuration({ waves: first }, loads, history, controlPlanePace(settings), surgesFirst);
  const uids = new Set(redis.map((p) => p.metadata.uid));
  const isRedis = (pod: Pod): boolean => uids.has(pod.metadata.uid);
  const autoscalers = autoscalersAmong(deployments, settings.clusterAutoscaler);
  const asked = await askEvictions(source.kubernetes, workloads);
  return {
    duration: inTurn(before, forecastDuration(plan, loads, history, settings, surgesFirst)),
    blockers: blockersOf(workloads, asked, settings, isRedis),
    how: asked.how,
    peak: peakOf(whole, surgesFirst, new Set(redis.map((p) => p.spec.nodeName ?? ''))),
    changes: changesOf(whole, groups, autoscalers, workloads),
    assumed: history.assumed,
  };
}

/** What a running rotation needs to say when its waits should end. */
export const knowledgeOf = async (
  source: Source,
  plan: Plan,
  settings: RotationSettings,
  now: number,
): Promise<Knowledge> => (await learn(source, plan, settings, now)).knowledge;

async function learn(source: Source, plan: Plan, settings: RotationSettings, now: number) {
  const { kubernetes } = source;
  const whole = wholePlan(plan);
  const [view, pods, budgets, deployments, replicaSets, statefulSets, activities] = await Promise.all([
    lookAround(source, { names: plan.groups.map((g) => g.name) }),
    kubernetes.list('pods'),
    kubernetes.list('poddisruptionbudgets'),
    kubernetes.list('deployments'),
    kubernetes.list('replicasets'),
    kubernetes.list('statefulsets'),
    activitiesOf(source, whole, now - historyMs),
  ]);
  const members = plan.controlPlane ? await membersOfPlan(source, plan) : view.members;
  const objects: Objects = {
    pods: pods.items,
    budgets: budgets.items,
    deployments: deployments.items,
    replicaSets: replicaSets.items,
    statefulSets: statefulSets.items,
  };
  const nodes = new Set(whole.waves.flat().map((m) => m.node));
  const workloads: Workload[] = workloadsOn(nodes, objects, settings);
  const first = new Map(plan.groups.map((g) => [g.name, waveSize(g, settings).surge]));
  // Nothing can be added to the control plane.
  for (const { name } of plan.controlPlane?.groups ?? []) first.set(name, 0);
  const knowledge: Knowledge = {
    loads: loadsOf(workloads),
    history: historyOf(members, pods.items, activities),
    surgesFirst: (group) => first.get(group) ?? 1,
  };
  return { workloads, knowledge, groups: view.groups, deployments: deployments.items };
}

/** Without them a termination is assumed to last as long as usual. */
async function activitiesOf(
  { aws, say }: Source,
  plan: Plan,
  since: number,
): Promise<Map<string, ScalingActivity[]>> {
  const lists = plan.groups.map(async ({ name }) => {
    const list = aws.activities(name, since).catch((error) => {
      say(`The forecast does without the activities of ${name}: ${messageOf(error)}`);
      return [];
    });
    return [name, await list] as const;
  });
  return new Map(await Promise.all(lists));
}

/** The most members of all groups at once: with what is surged for a wave, or at first for all nodes with Redis. */
function peakOf(
  { groups, waves }: Plan,
  surgesFirst: (group: string) => number,
  carrying: ReadonlySet<string>,
): number {
  const before = groups.reduce((sum, g) => sum + g.desired, 0);
  const atFirst = waves.flat().filter((m) => carrying.has(m.node)).length;
  const inWaves = waves.map((wave) =>
    groups.reduce(
      (sum, { name }) => sum + Math.min(surgesFirst(name), wave.filter((m) => m.group === name).length),
      0,
    ),
  );
  return before + Math.max(atFirst, ...inWaves);
}
