import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeReady } from '../../src/cluster/members.ts';
import { startControllers } from '../../src/rehearsal/controllers/controllers.ts';
import { createMachineRoom } from '../../src/rehearsal/kubelet/machine-room.ts';
import { processRuntime } from '../../src/rehearsal/kubelet/process-runtime.ts';
import { createStore } from '../../src/rehearsal/kubernetes/memory-store.ts';
import { Registry } from '../../src/rehearsal/kubernetes/registry.ts';
import { startApiServer } from '../../src/rehearsal/kubernetes/server.ts';
import { startScheduler } from '../../src/rehearsal/scheduler/scheduler.ts';
import { type WorldClock, wallClock } from '../../src/rehearsal/world/clock.ts';
import { claimNetwork } from '../../src/rehearsal/world/network.ts';
import { Random } from '../../src/rehearsal/world/random.ts';
import { eventually } from './eventually.ts';
import { overHttps } from './https.ts';
import { machineFor } from './machines.ts';
import type { Target } from './target.ts';

/** How much faster than on the wall time passes in the embedded cluster. */
const factor = 10;
const nodeMonitorGraceMs = 60_000;

/** The embedded control plane with its machines, in this process. */
export async function embeddedTarget(): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'contract-'));
  const network = await claimNetwork(127);
  const ended = new AbortController();
  const clock = fastClock(factor);
  const random = new Random(1);
  const store = createStore({ clock, random: random.fork() });
  const registry = new Registry(store, clock);
  const machines = createMachineRoom({
    store,
    clock,
    random: random.fork(),
    runtime: processRuntime({ directory, discovery: () => [], network: network.prefix }),
    bootMs: 500,
  });
  const gone = new Set<string>();
  let heardOfGone = (_id: string) => {};
  const cloud = {
    instanceExists: (id: string) => !gone.has(id),
    onGone(listener: (id: string) => void) {
      heardOfGone = listener;
    },
  };
  const controllers = startControllers({ store, clock, random: random.fork(), cloud, nodeMonitorGraceMs });
  const scheduler = startScheduler({ store, clock, random: random.fork() });
  const api = await startApiServer({
    registry,
    portForward: (pod, port) => machines.portForward(pod, port),
  });
  const instances = new Map<string, string>();

  return {
    name: 'the embedded cluster',
    ...overHttps(api.kubeconfig('embedded'), ended.signal),
    async boot(options) {
      const machine = machineFor(instances.size, `i-${random.hex(17)}`, options);
      const name = machine.privateDnsName;
      instances.set(name, machine.instanceId);
      machines.boot(machine);
      await eventually(
        `node ${name} is Ready`,
        () => nodeReady(store.get('nodes', { name }) ?? { metadata: { name }, spec: {} }),
        5000,
      );
      return name;
    },
    async halt(name, options = {}) {
      const instanceId = instances.get(name) ?? '';
      machines.halt(instanceId);
      if (!options.gone) return;
      gone.add(instanceId);
      heardOfGone(instanceId);
    },
    web: { image: 'web', port: 8080 },
    limits: { soonMs: 8000, unreachableMs: 15_000, podGarbageMs: 8000 },
    async forgetHistory() {
      const ref = { namespace: 'default', name: 'forget' };
      store.create('configmaps', { metadata: ref });
      for (let n = 0; n < 6000; n++)
        store.modify('configmaps', ref, (draft) => {
          draft.data = { n: String(n) };
        });
      store.remove('configmaps', ref);
    },
    async close() {
      ended.abort();
      scheduler.stop();
      controllers.stop();
      await machines.stop();
      await api.close();
      network.release();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function fastClock(times: number): WorldClock {
  const start = wallClock.now();
  return {
    now: () => start + (wallClock.now() - start) * times,
    after: (ms, task) => wallClock.after(ms / times, task),
    sleep: (ms, signal) => wallClock.sleep(ms / times, signal),
  };
}
