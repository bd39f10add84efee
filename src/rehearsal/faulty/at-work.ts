import type { Pod } from '../../cluster/objects.ts';
import type { Cluster } from '../cluster.ts';
import type { Fault, SeenCall, SeenRequest } from '../faults/fault.ts';
import type { Machine } from '../world/machine.ts';
import { Random } from '../world/random.ts';

/** A fault in one cluster: its hooks answer from when it begins until it ends. */
export class FaultAtWork {
  readonly #fault: Fault | undefined;
  readonly #random: Random;
  readonly #factor: number;
  readonly #onDestroys: ((instanceId: string) => void)[] = [];
  #cluster: Cluster | undefined;
  #began = 0;
  #active = false;

  /** It has its own dice: the world around it is that of the seed, with or without the fault. */
  constructor(fault: Fault | undefined, options: { seed: number; factor: number }) {
    this.#fault = fault;
    this.#random = new Random(options.seed + 1_000_003);
    this.#factor = options.factor;
  }

  begin(cluster: Cluster): void {
    if (this.#active) return;
    this.#cluster = cluster;
    this.#began = cluster.clock.now();
    this.#active = true;
    this.#fault?.happens?.(this.#scene(cluster));
  }

  end(): void {
    if (!this.#active || !this.#cluster) return;
    this.#active = false;
    this.#fault?.ends?.(this.#scene(this.#cluster));
  }

  /** Called just before the fault destroys what runs on an instance. */
  onDestroys(listener: (instanceId: string) => void): void {
    this.#onDestroys.push(listener);
  }

  /** Says that what runs on the instance is being destroyed, and not by the engine. */
  destroys(instanceId: string): void {
    for (const listener of this.#onDestroys) listener(instanceId);
  }

  neverJoins(machine: Machine): boolean {
    return this.#now?.neverJoins?.(machine) ?? false;
  }

  bootDelayMs(machine: Machine): number {
    return (this.#now?.bootDelayMs?.(machine) ?? 0) / this.#factor;
  }

  startDelayMs(pod: Pod): number {
    return this.#now?.startDelayMs?.(pod) ?? 0;
  }

  launchFailure(group: string, zone: string, instanceType: string): string | undefined {
    return this.#now?.launchFailure?.(group, zone, instanceType);
  }

  kubernetes(request: SeenRequest): ReturnType<NonNullable<Fault['kubernetes']>> {
    const sinceMs = (this.#cluster?.clock.now() ?? 0) - this.#began;
    return this.#now?.kubernetes?.(request, this.#random, sinceMs);
  }

  aws(call: SeenCall): ReturnType<NonNullable<Fault['aws']>> {
    return this.#now?.aws?.(call, this.#random);
  }

  staleMs(call: SeenCall): number {
    return (this.#now?.staleMs?.(call, this.#random) ?? 0) / this.#factor;
  }

  /** Infinite when nothing breaks it. */
  watchMs(): number {
    return this.#now?.watchMs?.(this.#random) ?? Number.POSITIVE_INFINITY;
  }

  get #now(): Fault | undefined {
    return this.#active ? this.#fault : undefined;
  }

  #scene({ clock, store, aws }: Cluster) {
    return {
      clock,
      store,
      aws,
      random: this.#random.fork(),
      factor: this.#factor,
      destroys: (id: string) => this.destroys(id),
      over: () => !this.#active,
    };
  }
}
