import { instanceIdOf, nodeReady } from '../../src/cluster/members.ts';
import { readStored } from '../../src/journal/stored.ts';
import type { EmbeddedInstance } from '../../src/rehearsal/aws/state.ts';
import { newImage, oldImage } from '../../src/rehearsal/scenario/account.ts';
import { taintKey } from '../../src/rotation/context.ts';
import { excludeLabel } from '../../src/rotation/load-balancers.ts';
import type { Plan } from '../../src/rotation/plan.ts';
import type { World } from '../rotation/world.ts';
import type { Scenario } from './draw.ts';
import { green } from './shape.ts';

/** How it all ended: on the new nodes, on the old ones, or on whatever somebody left it at who stopped on the way back. */
export type Ended =
  | { way: 'forward' }
  | { way: 'either' }
  | { way: 'back'; runId: string; plan: Pick<Plan, 'newest' | 'groups'> | undefined };

/** What is not as it was before the rotation, other than what was asked for. */
export function changedSettings(world: World, scenario: Scenario, way: Ended['way']): string[] {
  const { blueGreen, givenImage } = scenario;
  const wanted = [
    // It is what the run was for, or what it went back to by its number.
    ...(givenImage || way !== 'forward' ? [/^launch of /] : []),
    ...(blueGreen ? [/^(min|desired) of shop-(general|green) /] : []),
  ];
  const changed = world.changed().filter((line) => !wanted.some((w) => w.test(line)));
  if (blueGreen) {
    const was = world.before.groups['shop-general']?.desired ?? 0;
    const is = world.cluster.aws.group('shop-general').desired + world.cluster.aws.group(green).desired;
    if (is !== was) changed.push(`desired of shop-general and ${green} is ${is}, it was ${was}`);
  }
  return changed;
}

/** What a run wrote into its journal. */
const journals = ({ cluster: { store } }: World) =>
  store
    .list('configmaps', { namespace: 'kube-system' })
    .filter((c) => c.metadata.name.startsWith('eks-rolling-'))
    .map((c) => ({
      runId: c.metadata.name.slice('eks-rolling-'.length),
      ...(readStored(c) as { before?: { key: string }[]; notes?: { plan?: Plan } }),
    }));

export const planOfRun = (world: World, runId: string): Plan | undefined =>
  journals(world).find((j) => j.runId === runId)?.notes?.plan;

/** Marks of a run on whatever it touches, and entries of its journal that nobody has undone. */
export function marksLeft(world: World): string[] {
  const { store } = world.cluster;
  const found: string[] = [];
  for (const { metadata, spec } of store.list('nodes')) {
    const { name, annotations = {}, labels = {} } = metadata;
    for (const mark of [...Object.keys(annotations), ...Object.keys(labels)])
      if (/eks-rolling|scale-down-disabled/.test(mark) || mark === excludeLabel)
        found.push(`${name} still has ${mark}`);
    if (spec.taints?.some((t) => t.key === taintKey)) found.push(`${name} still has a taint of ours`);
  }
  const others = [
    ...store.list('deployments'),
    ...store.list('statefulsets'),
    ...store.list('horizontalpodautoscalers'),
    ...store.list('services'),
    ...store.list('pods'),
  ];
  for (const { metadata } of others)
    for (const mark of Object.keys({ ...metadata.annotations, ...metadata.labels }))
      if (/eks-rolling/.test(mark)) found.push(`${metadata.namespace}/${metadata.name} still has ${mark}`);
  // What a group launched before is kept for a rollback.
  for (const { runId, before = [] } of journals(world))
    for (const { key } of before)
      if (!/^group\/.*\/launch$/.test(key)) found.push(`the journal of ${runId} still has ${key}`);
  return found;
}

/** Nodes and instances are as many as they should be, all well, and all run what they should. */
export function wrongNodes({ cluster: { aws, store } }: World, scenario: Scenario, ended: Ended): string[] {
  const found: string[] = [];
  for (const group of aws.groups.values()) {
    const members = aws.membersOf(group.name);
    const launches = aws.templateOf(group).imageId;
    if (members.length !== group.desired)
      found.push(`${group.name} has ${members.length} instances and wants ${group.desired}`);
    for (const instance of members) {
      const { id, lifecycle } = instance;
      const node = store.list('nodes').find((n) => instanceIdOf(n) === id);
      if (lifecycle !== 'InService') found.push(`${id} of ${group.name} is ${lifecycle}`);
      if (!nodeReady(node)) found.push(`${id} of ${group.name} is no ready node`);
      // It was not asked for.
      if (scenario.blueGreen && group.name === 'shop-data') continue;
      const wanted = imageOf(ended, instance, launches);
      if (wanted && instance.imageId !== wanted)
        found.push(`${id} of ${group.name} runs ${instance.imageId} and should run ${wanted}`);
    }
    if (ended.way === 'forward' && scenario.blueGreen && group.name === 'shop-general' && members.length > 0)
      found.push(`${members.length} instances have not moved into ${green}`);
    const turned = ended.way === 'back' ? ended.plan?.groups.find((g) => g.name === group.name) : undefined;
    if (turned && turned.outdated.length > 0 && launches !== oldImage)
      found.push(`${group.name} still launches ${launches}`);
  }
  if (ended.way !== 'back') return found;
  for (const { name, versions } of aws.description.templates)
    for (const { description = '', deleted } of versions)
      if (description.startsWith(`eks-rolling ${ended.runId}`) && !deleted)
        found.push(`${name} still has a version ${description}`);
  for (const { name } of aws.description.launchConfigurations)
    if (name.includes(`eks-rolling-${ended.runId}`))
      found.push(`the launch configuration ${name} is still there`);
  return found;
}

/** What an instance should run; undefined when it may be any: a rollback leaves those that were there before its run. */
function imageOf(ended: Ended, { launchedAt }: EmbeddedInstance, launches: string): string | undefined {
  if (ended.way === 'forward') return newImage;
  if (ended.way === 'either') return launches;
  return launchedAt > (ended.plan?.newest ?? 0) ? launches : undefined;
}

/** What people have set and no run may leave changed, as one line each. */
export function specs({ cluster: { store } }: World): Map<string, string> {
  const kept = [
    ...store.list('deployments').map((o) => ['Deployment', o] as const),
    ...store.list('statefulsets').map((o) => ['StatefulSet', o] as const),
    ...store.list('daemonsets').map((o) => ['DaemonSet', o] as const),
    ...store.list('poddisruptionbudgets').map((o) => ['PodDisruptionBudget', o] as const),
    ...store.list('horizontalpodautoscalers').map((o) => ['HorizontalPodAutoscaler', o] as const),
    ...store.list('services').map((o) => ['Service', o] as const),
  ];
  return new Map(
    kept.map(([kind, { metadata, spec }]) => [
      `${kind} ${metadata.namespace}/${metadata.name}`,
      JSON.stringify([spec, metadata.annotations ?? {}, metadata.labels ?? {}]),
    ]),
  );
}

/** Objects that are still there and not as they were. */
export const changedSpecs = (before: Map<string, string>, after: Map<string, string>): string[] =>
  [...after].flatMap(([what, spec]) =>
    before.has(what) && before.get(what) !== spec ? [`${what} is ${spec}, it was ${before.get(what)}`] : [],
  );
