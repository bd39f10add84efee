import { isReady } from '../../src/cluster/pods.ts';
import type { World } from './world.ts';

export interface VisitorsOptions {
  /** The Service in the namespace shop that they visit; its pods have the label app with this name. */
  service: string;
  /** The target group that they come through; the Service's own unless given. */
  targets?: string;
  /** Only a node with a pod of the Service serves (externalTrafficPolicy Local). */
  local?: boolean;
  /** How often one comes. */
  everyMs?: number;
}

export interface Visitors {
  served: number;
  /** What went wrong, in words. */
  failed: string[];
}

/** A visitor stays connected, and the node that let it in must not go away under it. */
const staysMs = 8000;

/** Visitors from outside the cluster: each comes in through the next node that the load balancer believes in. */
export function startVisitors({ clock, cluster }: World, options: VisitorsOptions): Visitors {
  const { balancing, instances } = cluster.aws;
  const visitors: Visitors = { served: 0, failed: [] };
  const isOn = (id: string): boolean => instances.get(id)?.ec2 === 'running';
  const targets =
    options.targets ??
    balancing.balancers.find((b) => b.name === `k8s-shop-${options.service}`)?.targets ??
    '';
  const { everyMs = 250 } = options;
  let turn = 0;
  const enter = (id: string): void => {
    const node = instances.get(id)?.privateDnsName ?? '';
    const pods = cluster.store
      .list('pods', { namespace: 'shop', labelSelector: `app=${options.service}` })
      .filter((p) => isReady(p) && (!options.local || p.spec.nodeName === node));
    if (!isOn(id)) visitors.failed.push(`${node} is off`);
    else if (pods.length === 0) visitors.failed.push(`${node} finds no pod of ${options.service}`);
    else
      clock.after(staysMs, () => {
        if (isOn(id)) visitors.served++;
        else visitors.failed.push(`${node} went off under a visitor`);
      });
  };
  const next = (): void => {
    const known = [...(balancing.targets.get(targets) ?? [])];
    const healthy = known.filter(([, state]) => state === 'healthy');
    // A load balancer without any healthy target tries them all.
    const open = healthy.length > 0 ? healthy : known.filter(([, state]) => state !== 'draining');
    const [id] = open[turn++ % Math.max(1, open.length)] ?? [];
    if (id) enter(id);
    else visitors.failed.push('the load balancer has no target');
    clock.after(everyMs, next);
  };
  next();
  return visitors;
}
