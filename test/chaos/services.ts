import { budgetNumbers } from '../../src/cluster/budgets.ts';
import { instanceIdOf } from '../../src/cluster/members.ts';
import type { LabelSelector, Pod } from '../../src/cluster/objects.ts';
import { isReady, isTerminating } from '../../src/cluster/pods.ts';
import { matchesSelector } from '../../src/cluster/selectors.ts';
import type { World } from '../rotation/world.ts';

/** What must hold at every moment: so many pods of these serve. */
interface Promise_ {
  what: string;
  namespace: string;
  selector: LabelSelector | undefined;
  atLeast: number;
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
  const promises = promisesOf(world);
  const serving = new Set<string>();

  const powered = (node: string | undefined): boolean => {
    const present = node ? store.get('nodes', { name: node }) : undefined;
    const instance = aws.instances.get(present ? (instanceIdOf(present) ?? '') : '');
    return instance?.ec2 === 'running';
  };
  const of = (promise: Promise_): Pod[] =>
    store
      .list('pods', { namespace: promise.namespace })
      .filter((p) => matchesSelector(promise.selector, p.metadata.labels));
  const serves = (pod: Pod): boolean => isReady(pod) && !isTerminating(pod) && powered(pod.spec.nodeName);
  const look = () => {
    for (const promise of promises) {
      const up = of(promise).filter(serves);
      for (const { metadata } of up) {
        if (serving.has(metadata.uid ?? '')) continue;
        serving.add(metadata.uid ?? '');
        promise.missing = Math.max(0, promise.missing - 1);
      }
      const enough = up.length + promise.missing >= promise.atLeast;
      if (!enough && !promise.broken)
        failures.push(
          `${promise.what}: ${up.length} of ${promise.atLeast} serve after ${Math.round((world.clock.now() - began) / 1000)}s`,
        );
      promise.broken = !enough;
    }
  };
  look();
  fault.onDestroys((instanceId) => {
    look();
    const node = store.list('nodes').find((n) => instanceIdOf(n) === instanceId)?.metadata.name;
    for (const promise of promises)
      promise.missing += of(promise).filter((p) => serves(p) && p.spec.nodeName === node).length;
  });
  for (const resource of ['pods', 'nodes', 'leases'] as const) store.subscribe(resource, look);
  return { failures };
}

/** Every budget keeps what it says; every other workload of two or more replicas keeps one. */
function promisesOf({ cluster: { store } }: World): Promise_[] {
  const budgets = store.list('poddisruptionbudgets');
  const workloads = [...store.list('deployments'), ...store.list('statefulsets')];
  return workloads.flatMap((workload) => {
    const { namespace = '', name } = workload.metadata;
    const { replicas = 1, selector, template } = workload.spec;
    const budget = budgets.find(
      (b) =>
        b.metadata.namespace === namespace && matchesSelector(b.spec.selector, template.metadata?.labels),
    );
    const atLeast = budget ? budgetNumbers(budget, replicas, replicas).desiredHealthy : replicas > 1 ? 1 : 0;
    return [{ what: `${namespace}/${name}`, namespace, selector, atLeast, missing: 0, broken: false }];
  });
}
