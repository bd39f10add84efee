import type { Deployment } from '../../cluster/objects.ts';
import type { Group } from '../../cluster/ports.ts';
import { count } from '../../text.ts';
import type { Plan } from '../plan.ts';
import type { Workload } from './workloads.ts';

/** What the run will change and put back, in the order of doing it. */
export function changesOf(
  plan: Pick<Plan, 'groups' | 'waves'>,
  groups: readonly Group[],
  autoscalers: readonly Deployment[],
  workloads: readonly Workload[],
): string[] {
  if (plan.waves.length === 0) return [];
  const changes: string[] = [];
  for (const { metadata, spec } of autoscalers) {
    const replicas = spec.replicas ?? 1;
    if (replicas > 0)
      changes.push(
        `Deployment ${metadata.namespace}/${metadata.name} (cluster-autoscaler): replicas ${replicas} to 0, and back at the end`,
      );
  }
  for (const group of groups)
    if (!group.suspended.includes('AZRebalance'))
      changes.push(`AZRebalance of ${group.name}: suspended, and resumed at the end`);
  for (const { name, max, peak } of plan.groups)
    if (peak > max) changes.push(`max of ${name}: ${max} to ${peak}, and back at the end`);
  for (const { name, desired, peak } of plan.groups)
    if (peak > desired)
      changes.push(`desired of ${name}: ${desired} to ${peak} at most, and back with every wave`);
  const nodes = plan.waves.flat().filter((m) => m.node).length;
  changes.push(
    `taint eks-rolling on ${count(nodes, 'node')}: PreferNoSchedule at the start, NoSchedule and cordon with their wave; gone with them`,
  );
  const surged = new Map(workloads.filter((w) => w.prospect === 'surge').map((w) => [w.name, w.replicas]));
  for (const [name, replicas] of surged)
    changes.push(`${name}: replicas ${replicas} to ${replicas + 1} while its pod moves, and back`);
  if (autoscalers.length > 0)
    changes.push(
      'annotation cluster-autoscaler.kubernetes.io/scale-down-disabled on new nodes, only while the run rests (time-budget)',
    );
  return changes;
}
