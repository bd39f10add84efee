import type { KubernetesObject, OwnerReference } from '../../cluster/objects.ts';
import type { Store } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Cloud } from '../world/machine.ts';
import type { Random } from '../world/random.ts';

export interface ControllerOptions {
  store: Store;
  clock: WorldClock;
  random: Random;
  cloud: Cloud;
  /** Silence of a kubelet after which its node counts as unreachable (node-monitor-grace-period); 40 s by default. */
  nodeMonitorGraceMs?: number;
  /** Which Kubernetes 1.x it is; the newest by default. */
  minor?: number;
}

/** Changes come in bursts; one look a moment later sees them all. */
const settleMs = 5;

/**
 * A work queue as controllers have it: keys are put in by events, each is looked at once however often it was put in, and
 * the look reads the whole truth from the store.
 */
export class Worker {
  readonly #clock: WorldClock;
  readonly #reconcile: (key: string) => void;
  readonly #due = new Map<string, { at: number; cancel: () => void }>();
  #stopped = false;

  constructor(clock: WorldClock, reconcile: (key: string) => void) {
    this.#clock = clock;
    this.#reconcile = reconcile;
  }

  /** Looks at the key soon, or after `ms`. The sooner of two looks wins, so that a burst cannot put one off for ever. */
  enqueue(key: string, ms = settleMs): void {
    if (this.#stopped) return;
    const at = this.#clock.now() + ms;
    const due = this.#due.get(key);
    if (due && due.at <= at) return;
    due?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#due.delete(key);
      if (!this.#stopped) this.#reconcile(key);
    });
    this.#due.set(key, { at, cancel });
  }

  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#due.values()) cancel();
    this.#due.clear();
  }
}

export const keyOf = (object: KubernetesObject): string =>
  `${object.metadata.namespace ?? ''}/${object.metadata.name}`;

export function refOf(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The owner that controls the object. */
export const controllerOf = (object: KubernetesObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((o) => o.controller);

export function ownedBy(owner: KubernetesObject): OwnerReference[] {
  return [
    {
      apiVersion: owner.apiVersion ?? '',
      kind: owner.kind ?? '',
      name: owner.metadata.name,
      uid: owner.metadata.uid ?? '',
      controller: true,
      blockOwnerDeletion: true,
    },
  ];
}
