import type { Container, Pod, PodSpec } from '../../../src/cluster/objects.ts';
import { isReady } from '../../../src/cluster/pods.ts';
import {
  createMachineRoom,
  type MachineRoomOptions,
  type RunningMachineRoom,
} from '../../../src/rehearsal/kubelet/machine-room.ts';
import type { Runtime } from '../../../src/rehearsal/kubelet/runtime.ts';
import { createStore } from '../../../src/rehearsal/kubernetes/memory-store.ts';
import type { Store } from '../../../src/rehearsal/kubernetes/store.ts';
import type { WorldClock } from '../../../src/rehearsal/world/clock.ts';
import type { Machine } from '../../../src/rehearsal/world/machine.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';

export const node = 'ip-10-0-1-17.eu-west-1.compute.internal';

export const machine: Machine = {
  instanceId: 'i-0123456789abcdef0',
  zone: 'eu-west-1a',
  region: 'eu-west-1',
  group: 'general',
  imageId: 'ami-1',
  instanceType: 'm5.large',
  privateDnsName: node,
  privateIp: '10.0.1.17',
  allocatable: { cpu: '1930m', memory: '7Gi', pods: '29' },
  labels: { role: 'general' },
  taints: [{ key: 'dedicated', value: 'web', effect: 'NoSchedule' }],
};

/** A machine room on the given clock; pods are put on its machine without a scheduler. */
export interface Room {
  store: Store;
  machines: RunningMachineRoom;
  create(name: string, container?: Partial<Container>, spec?: Partial<PodSpec>): Pod;
  get(name: string): Pod | undefined;
  ready(name: string): boolean;
}

export const namespace = 'shop';

export function machineRoom(
  clock: WorldClock,
  runtime: (store: Store) => Runtime,
  options: Partial<MachineRoomOptions> = {},
): Room {
  const random = new Random(7);
  const store = createStore({ clock, random: random.fork() });
  const machines = createMachineRoom({
    store,
    clock,
    random: random.fork(),
    runtime: runtime(store),
    bootMs: 0,
    ...options,
  });
  const get = (name: string) => store.get('pods', { namespace, name });
  return {
    store,
    machines,
    get,
    create(name, container, spec) {
      const app = name.replace(/-\d+$/, '');
      return store.create('pods', {
        metadata: { name, namespace, labels: { app } },
        spec: { nodeName: node, containers: [{ name: 'main', image: app, ...container }], ...spec },
      });
    },
    ready(name) {
      const pod = get(name);
      return pod !== undefined && isReady(pod);
    },
  };
}
