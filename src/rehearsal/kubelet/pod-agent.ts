import type { Pod } from '../../cluster/objects.ts';
import { rfc3339 } from '../../cluster/times.ts';
import { claimNamesOf } from '../../cluster/volumes.ts';
import { claimsOf } from '../controllers/volumes.ts';
import type { Objects } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Machine } from '../world/machine.ts';
import type { Random } from '../world/random.ts';
import { ContainerAgent } from './container-agent.ts';
import type { Runtime } from './runtime.ts';
import { writeStatus } from './status.ts';

export interface PodAgentOptions {
  store: Objects;
  clock: WorldClock;
  random: Random;
  runtime: Runtime;
  machine: Machine;
  /** Added to the time that the pod's containers take to start. */
  startDelayMs: (pod: Pod) => number;
  /** A pod that may not start yet is asked about again. */
  mayStart: (pod: Pod) => boolean;
  /** Told what the objects do not show, for example the exit code of a crash. */
  say: (line: string) => void;
  /** Where the API server finds the kubelet. */
  kubeletPort?: number | undefined;
}

const lookMs = 50;
const startMs = { from: 100, to: 300 };

/**
 * The kubelet's worker for one pod: waits for its volumes, has its containers started, writes its status, and takes it down
 * when it is deleted. One agent serves one pod (by UID) and nothing after it.
 */
export class PodAgent {
  readonly #o: PodAgentOptions;
  readonly #ref: { namespace: string; name: string };
  readonly #uid: string;
  readonly address: string;
  readonly #startTime: string;
  readonly #containers: ContainerAgent[];
  readonly #timers = new Set<() => void>();
  #alive = true;
  #started = false;
  /** Milliseconds of grace that the pod was given last; undefined while it is to run. */
  #grace: number | undefined;

  constructor(options: PodAgentOptions, pod: Pod) {
    this.#o = options;
    this.#ref = { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name };
    this.#uid = pod.metadata.uid ?? '';
    this.#startTime = rfc3339(options.clock.now());
    this.address = pod.spec.hostNetwork ? options.machine.privateIp : options.runtime.nextAddress();
    const host = {
      runtime: options.runtime,
      random: options.random,
      address: this.address,
      now: () => options.clock.now(),
      pod: () => this.#pod(),
      later: (ms: number, task: () => void) => this.#later(ms, task),
      changed: () => this.#write(),
      say: options.say,
    };
    this.#containers = pod.spec.containers.map((container) => new ContainerAgent(host, container));
    this.#whenItMayStart(() =>
      this.#later(options.random.between(startMs.from, startMs.to) + options.startDelayMs(pod), () =>
        this.#start(),
      ),
    );
  }

  /** Called whenever the pod's object changed. */
  update(pod: Pod): void {
    if (!this.#alive) return;
    if (pod.metadata.deletionTimestamp) this.#terminate(pod);
    // Readiness gates are set by others, and the node controller may have called the pod not ready.
    this.#write();
  }

  /** Power off: nothing more is written, every process dies now. */
  halt(): void {
    this.#end();
    for (const container of this.#containers) container.kill();
  }

  #end(): void {
    this.#alive = false;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  #pod(): Pod | undefined {
    const pod = this.#o.store.get('pods', this.#ref);
    return this.#alive && pod?.metadata.uid === this.#uid ? pod : undefined;
  }

  #later(ms: number, task: () => void): () => void {
    if (!this.#alive) return () => {};
    const cancel = this.#o.clock.after(ms, () => {
      this.#timers.delete(cancel);
      if (this.#alive) task();
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }

  #whenItMayStart(then: () => void): void {
    const pod = this.#pod();
    if (!pod || this.#grace !== undefined) return;
    if (this.#o.mayStart(pod) && this.#volumesAreThere(pod)) then();
    else this.#later(lookMs, () => this.#whenItMayStart(then));
  }

  #volumesAreThere(pod: Pod): boolean {
    const wanted = claimNamesOf(pod).length;
    const here = this.#o.store
      .list('volumeattachments', { fieldSelector: `spec.nodeName=${this.#o.machine.privateDnsName}` })
      .filter((attachment) => attachment.status?.attached && !attachment.metadata.deletionTimestamp)
      .map((attachment) => attachment.spec.source.persistentVolumeName);
    const attached = claimsOf(this.#o.store, pod).filter(
      ({ spec }) => spec.volumeName !== undefined && here.includes(spec.volumeName),
    ).length;
    return attached === wanted;
  }

  #start(): void {
    if (!this.#pod() || this.#grace !== undefined) return;
    this.#started = true;
    for (const container of this.#containers) container.start();
  }

  #terminate(pod: Pod): void {
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
    if (this.#grace !== undefined && graceMs >= this.#grace) return;
    this.#grace = graceMs;
    Promise.all(this.#containers.map((c) => c.stop(graceMs))).then(() => {
      const present = this.#pod();
      this.#end();
      if (present) this.#o.store.remove('pods', this.#ref, { uid: this.#uid, gracePeriodSeconds: 0 });
    });
  }

  #write(): void {
    if (!this.#started || !this.#pod()) return;
    const codes = this.#containers.map((c) => c.finished);
    const failed = codes.some((code) => code !== undefined && code !== 0);
    this.#o.store.modify('pods', this.#ref, (draft) =>
      writeStatus(draft, {
        phase: codes.includes(undefined) ? 'Running' : failed ? 'Failed' : 'Succeeded',
        address: this.address,
        hostAddress: this.#o.machine.privateIp,
        startTime: this.#startTime,
        now: this.#o.clock.now(),
        containers: this.#containers.map((c) => c.status),
      }),
    );
  }
}
