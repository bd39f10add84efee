import { AwsRefusal } from './state.ts';

export type TargetState = 'initial' | 'healthy' | 'unhealthy' | 'draining';

/** A load balancer whose targets are instances. */
export interface InstanceBalancer {
  kind: 'network' | 'classic';
  name: string;
  dnsName: string;
  /** Empty for a classic one. */
  arn: string;
  /** The ARN of its target group; the name of a classic one. */
  targets: string;
}

/** How long Elastic Load Balancing takes, before the factor; the deregistration delay is one that somebody has shortened. */
const durations = { register: 15_000, deregister: 20_000, healthCheck: 20_000 };

/**
 * Elastic Load Balancing of the embedded account, as far as targets are instances: they come in as `initial`, leave after
 * `draining`, and their health follows what health checks find, two checks late.
 */
export class Balancing {
  /** Per target group ARN or classic name, and instance: its state. */
  readonly targets = new Map<string, Map<string, TargetState>>();
  readonly balancers: InstanceBalancer[] = [];
  /** What the next health checks will find, where it is not what the state says. */
  readonly #answers = new Map<string, boolean>();
  readonly #after: (ms: number, task: () => void) => void;
  readonly #drained = new Map<string, (() => void)[]>();
  readonly #account: { region: string; accountId: string };
  readonly #dead = new Set<string>();
  readonly #onLeft: (id: string, balancer: string) => void;

  /** @param onLeft called when a target became unhealthy or began to drain */
  constructor(
    after: (ms: number, task: () => void) => void,
    account: { region: string; accountId: string },
    onLeft: (id: string, balancer: string) => void = () => {},
  ) {
    this.#after = after;
    this.#account = account;
    this.#onLeft = onLeft;
  }

  /** Makes a load balancer, or returns the one of that name. */
  create(kind: InstanceBalancer['kind'], name: string): InstanceBalancer {
    const found = this.balancers.find((b) => b.name === name);
    if (found) return found;
    const { region, accountId } = this.#account;
    const arn = `arn:aws:elasticloadbalancing:${region}:${accountId}`;
    const balancer: InstanceBalancer =
      kind === 'network'
        ? {
            kind,
            name,
            dnsName: `${name}-0123456789abcdef.elb.${region}.amazonaws.com`,
            arn: `${arn}:loadbalancer/net/${name}/0123456789abcdef`,
            targets: `${arn}:targetgroup/${name}/0123456789abcdef`,
          }
        : { kind, name, dnsName: `${name}-0123456789.${region}.elb.amazonaws.com`, arn: '', targets: name };
    this.balancers.push(balancer);
    return balancer;
  }

  remove(name: string): void {
    const at = this.balancers.findIndex((b) => b.name === name);
    const [found] = at < 0 ? [] : this.balancers.splice(at, 1);
    if (found) this.targets.delete(found.targets);
  }

  stateOf(balancer: string, id: string): TargetState | undefined {
    return this.targets.get(balancer)?.get(id);
  }

  register(balancer: string, id: string): void {
    const targets = this.targets.get(balancer) ?? new Map<string, TargetState>();
    this.targets.set(balancer, targets);
    const present = targets.get(id);
    if (present && present !== 'draining') return;
    targets.set(id, 'initial');
    this.#after(durations.register, () => {
      if (targets.get(id) === 'initial')
        targets.set(id, this.#answers.get(`${balancer} ${id}`) === false ? 'unhealthy' : 'healthy');
    });
  }

  /** Calls back once its connections have drained; at once when it is no target. */
  deregister(balancer: string, id: string, drained = () => {}): void {
    const targets = this.targets.get(balancer);
    const present = targets?.get(id);
    if (!targets || !present) return drained();
    const key = `${balancer} ${id}`;
    this.#drained.set(key, [...(this.#drained.get(key) ?? []), drained]);
    if (present === 'draining') return;
    targets.set(id, 'draining');
    this.#onLeft(id, balancer);
    this.#after(durations.deregister, () => {
      if (targets.get(id) === 'draining') targets.delete(id);
      for (const then of this.#drained.get(key) ?? []) then();
      this.#drained.delete(key);
    });
  }

  /** Whether health checks of the target succeed from now on; the state follows two checks later. */
  answers(balancer: string, id: string, ok: boolean): void {
    if (ok && this.#dead.has(id)) return;
    const key = `${balancer} ${id}`;
    if ((this.#answers.get(key) ?? true) === ok) return;
    this.#answers.set(key, ok);
    this.#after(durations.healthCheck, () => {
      const state = this.stateOf(balancer, id);
      if (this.#answers.get(key) !== ok || !state || state === 'draining' || state === 'initial') return;
      this.targets.get(balancer)?.set(id, ok ? 'healthy' : 'unhealthy');
      if (!ok) this.#onLeft(id, balancer);
    });
  }

  /** The power of the instance is off: no health check succeeds any more, wherever it is a target. */
  silent(id: string): void {
    this.#dead.add(id);
    for (const balancer of this.targets.keys()) this.answers(balancer, id, false);
  }

  /** A terminated instance is a target nowhere. */
  forget(id: string): void {
    for (const targets of this.targets.values()) targets.delete(id);
  }

  /** @throws AwsRefusal as Elastic Load Balancing words it. */
  ofArn(arn: string): InstanceBalancer {
    const found = this.balancers.find((b) => b.arn === arn && arn !== '');
    if (!found) throw new AwsRefusal('LoadBalancerNotFound', `Load balancers '[${arn}]' not found`);
    return found;
  }
}
