import type { EmbeddedGroup, EmbeddedInstance, Subnet } from './state.ts';

/** The subnet for the next instance: the zone that has the fewest, as Auto Scaling keeps its zones balanced. */
export function subnetForLaunch(
  group: EmbeddedGroup,
  instances: readonly EmbeddedInstance[],
  zones?: readonly string[],
): Subnet | undefined {
  const usable = group.subnets.filter(
    (s) => s.freeAddresses > 0 && (!zones || zones.length === 0 || zones.includes(s.zone)),
  );
  const load = (subnet: Subnet): number => instances.filter((i) => i.zone === subnet.zone).length;
  return [...usable].sort((a, b) => load(a) - load(b))[0];
}

/**
 * AWS's own choice of whom to terminate, the default policy: the zone with most instances, there the one on the oldest
 * configuration, then the oldest (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html).
 */
export function victimOfScaleIn(instances: readonly EmbeddedInstance[]): EmbeddedInstance | undefined {
  const candidates = instances.filter((i) => i.lifecycle === 'InService' && !i.protectedFromScaleIn);
  const load = (zone: string): number => instances.filter((i) => i.zone === zone).length;
  const version = (i: EmbeddedInstance): number => Number(i.template?.version ?? 0);
  return [...candidates].sort(
    (a, b) => load(b.zone) - load(a.zone) || version(a) - version(b) || a.launchedAt - b.launchedAt,
  )[0];
}

/** The zones that differ by more than one instance: what AZRebalance wants to even out. */
export function imbalance(
  group: EmbeddedGroup,
  instances: readonly EmbeddedInstance[],
): { from: string; to: string } | undefined {
  const zones = [...new Set(group.subnets.map((s) => s.zone))];
  const counts = zones
    .map((zone) => ({ zone, n: instances.filter((i) => i.zone === zone).length }))
    .sort((a, b) => b.n - a.n);
  const [most, fewest] = [counts[0], counts.at(-1)];
  return most && fewest && most.n - fewest.n > 1 ? { from: most.zone, to: fewest.zone } : undefined;
}
