import type { Container, ContainerStatus, Pod } from '../../cluster/objects.ts';
import { rfc3339 } from '../../cluster/times.ts';
import type { Random } from '../world/random.ts';
import { readinessTarget } from './readiness.ts';
import type { RunningContainer, Runtime } from './runtime.ts';

/** What a container's agent needs from the agent of its pod. */
export interface ContainerHost {
  runtime: Runtime;
  random: Random;
  address: string;
  now(): number;
  /** The pod as it is now; undefined once it is no longer this kubelet's. */
  pod(): Pod | undefined;
  /** Calls back after `ms` unless the pod has gone meanwhile; the returned function cancels it. */
  later(ms: number, task: () => void): () => void;
  /** The container's status may be another than before. */
  changed(): void;
  say(line: string): void;
}

const weightlessStartMs = { from: 100, to: 300 };
const weightlessStopMs = 200;
const restart = { firstMs: 500, mostMs: 8000 };
/** Until it is ready for the first time a container is probed this often, however long its period. */
const eagerMs = 200;
/** After preStop a container has at least this long for SIGTERM (minimumGracePeriodInSeconds, pkg/kubelet/kuberuntime). */
const leastGraceMs = 2000;

/** One container of one pod: starts it, restarts it when it crashes, probes it and stops it. */
export class ContainerAgent {
  readonly #host: ContainerHost;
  readonly #container: Container;
  #process: RunningContainer | undefined;
  #state: NonNullable<ContainerStatus['state']> = { waiting: { reason: 'ContainerCreating' } };
  #ready = false;
  #restarts = 0;
  /** The exit code of a container that is not started again. */
  #finished: number | undefined;
  #stop: { since: number; done: () => void; cancel: () => void } | undefined;

  constructor(host: ContainerHost, container: Container) {
    this.#host = host;
    this.#container = container;
  }

  get status(): ContainerStatus {
    const { name, image } = this.#container;
    const restartCount = this.#restarts;
    return { name, ...(image ? { image } : {}), ready: this.#ready, restartCount, state: this.#state };
  }

  get finished(): number | undefined {
    return this.#finished;
  }

  start(): void {
    const pod = this.#host.pod();
    if (!pod || this.#stop) return;
    const { runtime, random, address } = this.#host;
    this.#state = { running: { startedAt: rfc3339(this.#host.now()) } };
    if (runtime.runs(this.#container)) {
      const running = runtime.start(pod, this.#container, address);
      this.#process = running;
      running.exited.then((code) => this.#exited(code));
      this.#probe(running);
    } else {
      this.#host.later(random.between(weightlessStartMs.from, weightlessStartMs.to), () => {
        if (!this.#stop) this.#setReady(true);
      });
    }
    this.#host.changed();
  }

  /**
   * Stops the container within the grace, preStop included; called again, a shorter grace counts.
   * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
   */
  stop(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const { now, later } = this.#host;
      const before = this.#stop;
      before?.cancel();
      const since = before?.since ?? now();
      const done = () => {
        before?.done();
        resolve();
      };
      const running = this.#process;
      if (!running) {
        this.#stop = { since, done, cancel: later(Math.min(weightlessStopMs, graceMs), done) };
        return;
      }
      const lingerMs = (this.#container.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1000;
      const termMs = Math.max(0, Math.min(since + lingerMs - now(), graceMs));
      const term = later(termMs, () => running.signal('SIGTERM'));
      const kill = later(Math.max(graceMs, termMs + leastGraceMs), () => running.signal('SIGKILL'));
      const cancel = () => {
        term();
        kill();
      };
      this.#stop = { since, done, cancel };
    });
  }

  kill(): void {
    this.#process?.signal('SIGKILL');
  }

  #setReady(ready: boolean): void {
    this.#ready = ready;
    this.#host.changed();
  }

  /** Probes as long as the process runs, because a container may also stop being ready. */
  #probe(running: RunningContainer): void {
    const target = readinessTarget(this.#container);
    if (!target) {
      this.#ready = true;
      return;
    }
    const { runtime, address, later } = this.#host;
    let last: boolean | undefined;
    let streak = 0;
    const look = async () => {
      const ok = await runtime.probe(address, target.port, target.path);
      if (this.#process !== running) return;
      streak = ok === last ? streak + 1 : 1;
      last = ok;
      const enough = ok ? target.successThreshold : target.failureThreshold;
      if (ok !== this.#ready && streak >= enough) this.#setReady(ok);
      later(this.#ready ? target.periodMs : Math.min(target.periodMs, eagerMs), () => void look());
    };
    later(target.initialDelayMs + eagerMs / 2, () => void look());
  }

  #exited(code: number): void {
    const pod = this.#host.pod();
    this.#process = undefined;
    this.#ready = false;
    const finishedAt = rfc3339(this.#host.now());
    this.#state = {
      terminated: { exitCode: code, reason: code === 0 ? 'Completed' : 'Error', finishedAt },
    };
    if (this.#stop) {
      this.#host.changed();
      this.#stop.done();
      return;
    }
    if (!pod) return;
    const policy = pod.spec.restartPolicy ?? 'Always';
    if (policy === 'Never' || (policy === 'OnFailure' && code === 0)) this.#finished = code;
    else this.#restart(pod, code);
    this.#host.changed();
  }

  #restart(pod: Pod, code: number): void {
    const waitMs = Math.min(restart.mostMs, restart.firstMs * 2 ** this.#restarts);
    this.#restarts++;
    this.#state = { waiting: { reason: 'CrashLoopBackOff' } };
    this.#host.say(
      `${pod.metadata.namespace}/${pod.metadata.name}: container ${this.#container.name} ended with exit code ${code}, restart ${this.#restarts} in ${waitMs} ms.`,
    );
    this.#host.later(waitMs, () => this.start());
  }
}
