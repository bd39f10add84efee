import type { Pod } from '../../../cluster/objects.ts';
import type { Filter } from '../snapshot.ts';

const known = new WeakMap<Pod['spec'], string[]>();

function portsOf({ spec }: Pod): string[] {
  const found = known.get(spec) ?? hostPortsOf(spec);
  known.set(spec, found);
  return found;
}

const hostPortsOf = (spec: Pod['spec']): string[] =>
  spec.containers.flatMap((c) =>
    (c.ports ?? []).filter((p) => p.hostPort).map((p) => `${p.protocol ?? 'TCP'}/${p.hostPort}`),
  );

export const hostPorts: Filter = (pod, { pods }) => {
  const wanted = portsOf(pod);
  if (wanted.length === 0) return undefined;
  const taken = new Set(pods.flatMap(portsOf));
  return wanted.some((port) => taken.has(port))
    ? "node(s) didn't have free ports for the requested pod ports"
    : undefined;
};
