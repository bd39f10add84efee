import type { Pod } from '../../../cluster/objects.ts';
import { quantity } from '../../../cluster/quantities.ts';
import type { Filter } from '../snapshot.ts';

/** What a pod asks for: its containers together, or its greediest init container, plus overhead. */
export function requestsOf({ spec }: Pod): Record<string, number> {
  const total: Record<string, number> = {};
  for (const container of spec.containers) {
    for (const [name, value] of Object.entries(container.resources?.requests ?? {}))
      total[name] = (total[name] ?? 0) + quantity(value);
  }
  for (const container of spec.initContainers ?? []) {
    for (const [name, value] of Object.entries(container.resources?.requests ?? {}))
      total[name] = Math.max(total[name] ?? 0, quantity(value));
  }
  for (const [name, value] of Object.entries(spec.overhead ?? {}))
    total[name] = (total[name] ?? 0) + quantity(value);
  return total;
}

/** CPU, memory, further resources and the number of pods, against what the node can allocate. */
export const resources: Filter = (pod, { node, pods }) => {
  const allocatable = node.status?.allocatable ?? {};
  if (pods.length + 1 > quantity(allocatable.pods ?? '110')) return 'Too many pods';
  const used: Record<string, number> = {};
  for (const other of pods)
    for (const [name, value] of Object.entries(requestsOf(other))) used[name] = (used[name] ?? 0) + value;
  for (const [name, value] of Object.entries(requestsOf(pod))) {
    if (value > 0 && (used[name] ?? 0) + value > quantity(allocatable[name]) + 1e-9)
      return `Insufficient ${name}`;
  }
  return undefined;
};
