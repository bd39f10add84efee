import type { Pod } from '../../cluster/objects.ts';
import { claimsOf } from '../controllers/volumes.ts';
import type { Store } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Machine } from '../world/machine.ts';
import type { Random } from '../world/random.ts';
import type { RunningContainer, Runtime } from './runtime.ts';
import { writeStatus } from './status.ts';

export interface PodAgentOptions {
  store: Store;
  clock: WorldClock;
  random: Random;
  runtime: Runtime;
  machine: Machine;
  /** Added to the time that the pod's containers take to start. */
  startDelayMs: (pod: Pod) => number;
}

const volumePollMs = 50;
const startMs = { from: 100, to: 300 };
const weightlessStopMs = 200;
const restartMs = 500;

/**
 * The kubelet's worker for one pod: waits for its volumes, starts its containers, probes them, and takes the pod down with
 * preStop, SIGTERM and grace when it is deleted. One agent serves one pod (by UID) and nothing after it.
 */
export class PodAgent {
  readonly #o: PodAgentOptions;
  readonly #ref: { namespace: string; name: string };
  readonly #uid: string;
  readonly address: string;
  readonly #startedAt: number;
  readonly #timers = new Set<() => void>();
  #containers: RunningContainer[] = [];
  #alive = true;
  #terminating = false;
  #ready = false;
  #restarts = 0;

  constructor(options: PodAgentOptions, pod: Pod) {
    this.#o = options;
    this.#ref = { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name };
    this.#uid = pod.metadata.uid ?? '';
    this.#startedAt = options.clock.now();
    this.address = pod.spec.hostNetwork ? options.machine.privateIp : options.runtime.nextAddress();
    this.#whenVolumesAreThere(() =>
      this.#later(options.random.between(startMs.from, startMs.to) + options.startDelayMs(pod), () =>
        this.#start(),
      ),
    );
  }

  /** Called whenever the pod's object changed. */
  update(pod: Pod): void {
    if (pod.metadata.deletionTimestamp && !this.#terminating && this.#alive) this.#terminate(pod);
  }

  /** Power off: nothing more is written, every process dies now. */
  halt(): void {
    this.#alive = false;
    for (const cancel of this.#timers) cancel();
    for (const container of this.#containers) container.signal('SIGKILL');
  }

  #pod(): Pod | undefined {
    const pod = this.#o.store.get('pods', this.#ref);
    return this.#alive && pod?.metadata.uid === this.#uid ? pod : undefined;
  }

  #later(ms: number, task: () => void): void {
    const cancel = this.#o.clock.after(ms, () => {
      this.#timers.delete(cancel);
      if (this.#alive) task();
    });
    this.#timers.add(cancel);
  }

  #whenVolumesAreThere(then: () => void): void {
    const pod = this.#pod();
    if (!pod || this.#terminating) return;
    const attached = claimsOf(this.#o.store, pod).every((claim) => {
      const attachment = this.#o.store.get('volumeattachments', { name: `csi-${claim.spec.volumeName}` });
      return (
        attachment?.status?.attached === true && attachment.spec.nodeName === this.#o.machine.privateDnsName
      );
    });
    if (attached) then();
    else this.#later(volumePollMs, () => this.#whenVolumesAreThere(then));
  }

  #start(): void {
    const pod = this.#pod();
    if (!pod || this.#terminating) return;
    const processes = pod.spec.containers.filter((c) => this.#o.runtime.runs(c));
    this.#containers = processes.map((container) => this.#o.runtime.start(pod, container, this.address));
    for (const container of this.#containers) container.exited.then((code) => this.#exited(code));
    this.#write('Running', false);
    if (processes.length === 0)
      this.#later(this.#o.random.between(startMs.from, startMs.to), () => this.#write('Running', true));
    else this.#probe(pod);
  }

  /** Readiness: probes forever, because a pod may also stop being ready. */
  #probe(pod: Pod): void {
    const probe = pod.spec.containers.find((c) => c.readinessProbe)?.readinessProbe;
    const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
    if (!probe || port === undefined) {
      this.#write('Running', true);
      return;
    }
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const path = probe.httpGet ? (probe.httpGet.path ?? '/') : undefined;
    const look = async () => {
      const ok =
        this.#containers.length > 0 && (await this.#o.runtime.probe(this.address, Number(port), path));
      if (!this.#alive || !this.#pod()) return;
      if (ok !== this.#ready) this.#write('Running', ok);
      // Until it is ready for the first time a real kubelet's probe is just as eager once the container has started.
      this.#later(this.#ready ? periodMs : Math.min(periodMs, 200), () => void look());
    };
    this.#later((probe.initialDelaySeconds ?? 0) * 1000 + 100, () => void look());
  }

  #exited(code: number): void {
    const pod = this.#pod();
    if (!pod || this.#terminating) return;
    this.#containers = [];
    if (pod.spec.restartPolicy === 'Never' || (pod.spec.restartPolicy === 'OnFailure' && code === 0)) {
      this.#write(code === 0 ? 'Succeeded' : 'Failed', false);
      return;
    }
    this.#restarts++;
    this.#write('Running', false);
    this.#later(restartMs * Math.min(16, 2 ** (this.#restarts - 1)), () => {
      const again = this.#pod();
      if (!again || this.#terminating) return;
      this.#containers = again.spec.containers
        .filter((c) => this.#o.runtime.runs(c))
        .map((container) => this.#o.runtime.start(again, container, this.address));
      for (const container of this.#containers) container.exited.then((c) => this.#exited(c));
    });
  }

  /** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination: grace counts from the deletion, preStop included. */
  #terminate(pod: Pod): void {
    this.#terminating = true;
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
    if (this.#containers.length === 0) {
      this.#later(Math.min(weightlessStopMs, graceMs), () => this.#gone());
      return;
    }
    const lingerMs = Math.max(
      0,
      ...pod.spec.containers.map((c) => (c.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1000),
    );
    this.#later(Math.min(lingerMs, graceMs), () => {
      for (const container of this.#containers) container.signal('SIGTERM');
    });
    this.#later(graceMs, () => {
      for (const container of this.#containers) container.signal('SIGKILL');
    });
    Promise.all(this.#containers.map((c) => c.exited)).then(() => {
      if (this.#alive) this.#gone();
    });
  }

  #gone(): void {
    const present = this.#pod();
    this.#alive = false;
    for (const cancel of this.#timers) cancel();
    if (present) this.#o.store.remove('pods', this.#ref, { uid: this.#uid, gracePeriodSeconds: 0 });
  }

  #write(phase: 'Running' | 'Succeeded' | 'Failed', ready: boolean): void {
    if (!this.#pod()) return;
    this.#ready = ready;
    this.#o.store.modify('pods', this.#ref, (draft) =>
      writeStatus(draft, {
        phase,
        ready,
        address: this.address,
        hostAddress: this.#o.machine.privateIp,
        restarts: this.#restarts,
        startedAt: this.#startedAt,
        now: this.#o.clock.now(),
      }),
    );
  }
}
