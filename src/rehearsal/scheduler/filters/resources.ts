import type { Pod } from '../../../cluster/objects.ts';
import { quantity } from '../../../cluster/quantities.ts';
import { capacityOf, usedOn } from '../occupancy.ts';
import type { Filter } from '../snapshot.ts';

const known = new WeakMap<Pod['spec'], Readonly<Record<string, number>>>();

/** What a pod asks for: its containers together, or its greediest init container, plus overhead. */
export function requestsOf({ spec }: Pod): Readonly<Record<string, number>> {
  const found = known.get(spec) ?? sumOf(spec);
  known.set(spec, found);
  return found;
}

function sumOf(spec: Pod['spec']): Record<string, number> {
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
export const resources: Filter = (pod, view) => {
  const capacity = capacityOf(view);
  if (view.pods.length + 1 > (capacity.pods ?? 0)) return 'Too many pods';
  const used = usedOn(view);
  for (const [name, value] of Object.entries(requestsOf(pod))) {
    if (value > 0 && (used[name] ?? 0) + value > (capacity[name] ?? 0) + 1e-9) return `Insufficient ${name}`;
  }
  return undefined;
};
