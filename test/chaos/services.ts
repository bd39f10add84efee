import { budgetNumbers } from '../../src/cluster/budgets.ts';
import { instanceIdOf } from '../../src/cluster/members.ts';
import type { LabelSelector, Pod } from '../../src/cluster/objects.ts';
import { isReady, isTerminating } from '../../src/cluster/pods.ts';
import { matchesSelector } from '../../src/cluster/selectors.ts';
import type { Store } from '../../src/rehearsal/kubernetes/store.ts';
import type { World } from '../rotation/world.ts';
import { sick } from './sick-pods.ts';

/** What must hold at every moment: so many pods of a workload serve. */
interface Held {
  what: string;
  namespace: string;
  selector: LabelSelector | undefined;
  replicas: number;
  /** A Deployment with one replica is never absent: it gets one more while its pod moves. */
  single: boolean;
  /** The name of its budget. */
  budget: string | undefined;
  /** Pods that served when the fault itself destroyed them, and whose replacement does not serve yet. */
  missing: number;
  broken: boolean;
}

/**
 * Watches whether requests could have failed: a Service or a budget with fewer serving pods than it needs, other than those
 * that a fault destroyed. A pod serves when it is ready, not told to leave, and its machine has power.
 */
export function watchServices(world: World): { failures: string[] } {
  const { store, aws, fault } = world.cluster;
  const began = world.clock.now();
  const failures: string[] = [];
  const workloads = workloadsOf(world);
  const serving = new Set<string>();

  const powered = (node: string | undefined): boolean => {
    const present = node ? store.get('nodes', { name: node }) : undefined;
    const instance = aws.instances.get(present ? (instanceIdOf(present) ?? '') : '');
    return instance?.ec2 === 'running';
  };
  const of = (workload: Held): Pod[] =>
    store
      .list('pods', { namespace: workload.namespace })
      .filter((p) => matchesSelector(workload.selector, p.metadata.labels));
  const serves = (pod: Pod): boolean => isReady(pod) && !isTerminating(pod) && powered(pod.spec.nodeName);
  const look = () => {
    for (const workload of workloads) {
      const atLeast = needed(store, workload);
      const up = of(workload).filter(serves);
      for (const { metadata } of up) {
        if (serving.has(metadata.uid ?? '')) continue;
        serving.add(metadata.uid ?? '');
        workload.missing = Math.max(0, workload.missing - 1);
      }
      const enough = up.length + workload.missing >= atLeast;
      if (!enough && !workload.broken)
        failures.push(
          `${workload.what}: ${up.length} of ${atLeast} serve after ${Math.round((world.clock.now() - began) / 1000)}s`,
        );
      workload.broken = !enough;
    }
  };
  look();
  fault.onDestroys((instanceId) => {
    look();
    const node = store.list('nodes').find((n) => instanceIdOf(n) === instanceId)?.metadata.name;
    for (const workload of workloads)
      workload.missing += of(workload).filter((p) => serves(p) && p.spec.nodeName === node).length;
  });
  for (const resource of ['pods', 'nodes', 'leases'] as const) store.subscribe(resource, look);
  return { failures };
}

/** What the budget of a workload says, as long as there is one; without it one must be there. */
function needed(store: Store, { namespace, budget, replicas, single }: Held): number {
  const found = budget && store.get('poddisruptionbudgets', { namespace, name: budget });
  if (found) return budgetNumbers(found, replicas, replicas).desiredHealthy;
  return replicas > 1 || single ? 1 : 0;
}

function workloadsOf({ cluster: { store } }: World): Held[] {
  const budgets = store.list('poddisruptionbudgets');
  const deployments = store.list('deployments');
  return [...deployments, ...store.list('statefulsets')].flatMap((workload) => {
    const { namespace = '', name } = workload.metadata;
    // One is not served by anybody from the start, the other is paused while nodes are replaced.
    if (name === sick || name === 'cluster-autoscaler') return [];
    const { replicas = 1, selector, template } = workload.spec;
    const budget = budgets.find(
      (b) =>
        b.metadata.namespace === namespace && matchesSelector(b.spec.selector, template.metadata?.labels),
    )?.metadata.name;
    const single = replicas === 1 && deployments.some((d) => d === workload);
    const what = `${namespace}/${name}`;
    return [{ what, namespace, selector, replicas, single, budget, missing: 0, broken: false }];
  });
}
