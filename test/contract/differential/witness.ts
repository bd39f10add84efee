import type { Pod } from '../../../src/cluster/objects.ts';
import { isReady, isTerminating } from '../../../src/cluster/pods.ts';
import type { Kubernetes } from '../../../src/cluster/ports.ts';
import { crowded } from './invariants.ts';
import { appOf } from './view.ts';
import type { World } from './world.ts';

/** Watches the pods of a world, and names every moment at which a promise of scheduler or StatefulSet was not kept. */
export async function witness(kubernetes: Kubernetes, world: World, signal: AbortSignal): Promise<string[]> {
  const pods = new Map<string, Pod>();
  const seen = new Set<string>();
  for await (const { type, object } of kubernetes.watch('pods', { namespace: world.name }, signal)) {
    if (type === 'ADDED') for (const line of outOfTurn(object, pods, world)) seen.add(line);
    if (type === 'DELETED') pods.delete(object.metadata.name);
    else pods.set(object.metadata.name, object);
    for (const line of crowded([...pods.values()], world)) seen.add(line);
  }
  return [...seen];
}

/** A pod of an OrderedReady StatefulSet is created only when all before it are ready. */
function outOfTurn(pod: Pod, pods: Map<string, Pod>, world: World): string[] {
  const name = appOf(pod);
  if (!world.workloads.some((w) => w.name === name && w.ordered)) return [];
  const ordinal = Number(pod.metadata.name.split('-').at(-1));
  const early = Array.from({ length: ordinal }, (_, i) => pods.get(`${name}-${i}`)).some(
    (before) => !before || !isReady(before) || isTerminating(before),
  );
  return early ? [`${pod.metadata.name} was created before its predecessors were ready`] : [];
}
