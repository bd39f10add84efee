import type { Duplex } from 'node:stream';
import type { Pod } from '../../cluster/objects.ts';
import type { Objects } from '../kubernetes/store.ts';
import type { WorldClock } from '../world/clock.ts';
import type { Machine, MachineRoom } from '../world/machine.ts';
import type { Random } from '../world/random.ts';
import { Kubelet } from './kubelet.ts';
import type { Runtime } from './runtime.ts';

export interface MachineRoomOptions {
  store: Objects;
  clock: WorldClock;
  random: Random;
  runtime: Runtime;
  /** From power on to the kubelet's first word. */
  bootMs: number | ((machine: Machine) => number);
  /** A machine that boots and never joins. */
  neverJoins?: (machine: Machine) => boolean;
  startDelayMs?: (pod: Pod) => number;
  /** Without it every pod may, once its volumes are there. */
  mayStart?: (pod: Pod) => boolean;
  /** Told what the objects do not show, for example the exit code of a crash. */
  say?: (line: string) => void;
  /** Where the API server finds the kubelets; without it nobody asks them anything. */
  kubeletPort?: number;
}

export interface RunningMachineRoom extends MachineRoom {
  /** @throws when the pod is not running on any machine, or nothing listens on its port. */
  portForward(pod: { namespace: string; name: string }, port: number): Promise<Duplex>;
  /** Turns every machine off and waits until no process is left. */
  stop(): Promise<void>;
}

/** All machines of the embedded cluster, each with its kubelet. */
export function createMachineRoom(options: MachineRoomOptions): RunningMachineRoom {
  const { store, clock, random, runtime, bootMs } = options;
  const kubelets = new Map<string, Kubelet>();
  const booting = new Map<string, () => void>();
  const byNode = new Map<string, Kubelet>();
  const on = (node: string | undefined): Kubelet | undefined => byNode.get(node ?? '');

  const unsubscribes = [
    store.subscribe('pods', ({ type, object }) => {
      const kubelet = on(object.spec.nodeName);
      if (type === 'DELETED') kubelet?.podGone(object);
      else kubelet?.podChanged(object);
    }),
    store.subscribe('nodes', ({ type, object }) => {
      const { name } = object.metadata;
      if (type === 'ADDED') on(name)?.registered(object);
      if (type === 'DELETED') clock.after(1000, () => on(name)?.register());
    }),
  ];

  return {
    boot(machine) {
      const delayMs = typeof bootMs === 'number' ? bootMs : bootMs(machine);
      const cancel = clock.after(delayMs, () => {
        booting.delete(machine.instanceId);
        if (options.neverJoins?.(machine)) return;
        const kubelet = new Kubelet({
          store,
          clock,
          random: random.fork(),
          runtime,
          machine,
          startDelayMs: options.startDelayMs ?? (() => 0),
          mayStart: options.mayStart ?? (() => true),
          say: options.say ?? (() => {}),
          kubeletPort: options.kubeletPort,
        });
        kubelets.set(machine.instanceId, kubelet);
        byNode.set(kubelet.node, kubelet);
        kubelet.start();
      });
      booting.set(machine.instanceId, cancel);
    },
    halt(instanceId) {
      booting.get(instanceId)?.();
      booting.delete(instanceId);
      const kubelet = kubelets.get(instanceId);
      if (!kubelet) return;
      kubelet.halt();
      kubelets.delete(instanceId);
      if (on(kubelet.node) === kubelet) byNode.delete(kubelet.node);
    },
    async portForward(ref, port) {
      const pod = store.get('pods', ref);
      const address = pod && on(pod.spec.nodeName)?.addressOf(pod);
      if (!address) throw new Error(`pod ${ref.namespace}/${ref.name} is not running`);
      return runtime.connect(address, port);
    },
    async stop() {
      for (const unsubscribe of unsubscribes) unsubscribe();
      for (const cancel of booting.values()) cancel();
      booting.clear();
      for (const kubelet of kubelets.values()) kubelet.halt();
      kubelets.clear();
      byNode.clear();
      await runtime.stop();
    },
  };
}
