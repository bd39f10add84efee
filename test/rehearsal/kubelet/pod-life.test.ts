import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../src/cluster/objects.ts';
import { type Runtime, weightlessRuntime } from '../../../src/rehearsal/kubelet/runtime.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { machine, machineRoom, namespace, node, type Room } from './room.ts';

/** Processes that do only what the test says. */
class FakeProcesses {
  readonly started: { name: string; address: string; end: (code: number) => void }[] = [];
  readonly signals: { at: number; signal: string }[] = [];
  healthy = true;
  readonly runtime: Runtime;

  constructor(clock: VirtualClock) {
    this.runtime = {
      ...weightlessRuntime(),
      runs: (container) => container.image !== 'weightless',
      start: (_pod, { name }, address) => {
        let end: (code: number) => void = () => {};
        const exited = new Promise<number>((resolve) => {
          end = resolve;
        });
        this.started.push({ name, address, end });
        const signal = (name: 'SIGTERM' | 'SIGKILL') => {
          this.signals.push({ at: clock.now(), signal: name });
          if (name === 'SIGKILL') end(137);
        };
        return { exited, signal };
      },
      probe: async () => this.healthy,
    };
  }
}

let clock: VirtualClock;
let processes: FakeProcesses;
let said: string[];
let room: Room;

const condition = (name: string, type: string) =>
  room.get(name)?.status?.conditions?.find((c) => c.type === type);
const state = (name: string, i = 0) => room.get(name)?.status?.containerStatuses?.[i];
const probed = { readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 } };
const remove = (name: string, gracePeriodSeconds?: number): Pod | undefined =>
  room.store.remove(
    'pods',
    { namespace, name },
    gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds },
  );

beforeEach(async () => {
  clock = new VirtualClock();
  processes = new FakeProcesses(clock);
  said = [];
  room = machineRoom(clock, () => processes.runtime, { say: (line) => said.push(line) });
  room.machines.boot(machine);
  await clock.advance(1);
});

describe('a weightless pod', () => {
  test('goes from Pending to Ready to gone on a virtual clock', async () => {
    room.create('app-0', { image: 'weightless' });
    expect(room.get('app-0')?.status?.phase ?? 'Pending').toBe('Pending');
    await clock.advance(700);
    expect(room.get('app-0')?.status).toMatchObject({ phase: 'Running', hostIP: '10.0.1.17' });
    expect(room.get('app-0')?.status?.podIP).toMatch(/^10\.200\./);
    expect(room.ready('app-0')).toBe(true);
    remove('app-0');
    await clock.advance(100);
    expect(room.get('app-0')?.metadata.deletionTimestamp).toBeDefined();
    await clock.advance(200);
    expect(room.get('app-0')).toBeUndefined();
  });

  test('waits until its volume is attached to this node', async () => {
    room.store.create('persistentvolumeclaims', {
      metadata: { name: 'data', namespace },
      spec: { volumeName: 'pv-1' },
    });
    room.create(
      'app-0',
      { image: 'weightless' },
      { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
    );
    const attachment = room.store.create('volumeattachments', {
      metadata: { name: 'csi-pv-1' },
      spec: { attacher: 'ebs.csi.aws.com', nodeName: node, source: { persistentVolumeName: 'pv-1' } },
      status: { attached: false },
    });
    await clock.advance(60_000);
    expect(room.get('app-0')?.status?.podIP).toBeUndefined();
    room.store.modify('volumeattachments', attachment.metadata, (draft) => {
      draft.status = { attached: true };
    });
    await clock.advance(1000);
    expect(room.ready('app-0')).toBe(true);
  });

  test('does not start before a claim that is yet to be made', async () => {
    room.create(
      'app-0',
      { image: 'weightless' },
      { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
    );
    await clock.advance(60_000);
    expect(room.get('app-0')?.status?.podIP).toBeUndefined();
  });

  test('becomes ready only when its readiness gate is opened', async () => {
    room.create('app-0', { image: 'weightless' }, { readinessGates: [{ conditionType: 'target-health' }] });
    await clock.advance(1000);
    expect(condition('app-0', 'ContainersReady')?.status).toBe('True');
    expect(condition('app-0', 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
    room.store.modify('pods', { namespace, name: 'app-0' }, (draft) => {
      draft.status?.conditions?.push({ type: 'target-health', status: 'True' });
    });
    await clock.advance(10);
    expect(room.ready('app-0')).toBe(true);
  });
});

describe('a pod with a process', () => {
  test('is ready while its probe succeeds, and not after three failures in a row', async () => {
    processes.healthy = false;
    room.create('web-0', probed);
    await clock.advance(5000);
    expect(condition('web-0', 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady' });
    processes.healthy = true;
    await clock.advance(300);
    expect(room.ready('web-0')).toBe(true);
    processes.healthy = false;
    await clock.advance(1900);
    expect(room.ready('web-0')).toBe(true);
    await clock.advance(1200);
    expect(room.ready('web-0')).toBe(false);
  });

  test.each([
    ['a probe', probed],
    ['no probe', {}],
  ])('is restarted when it crashes, and ready again with %s', async (_what, container) => {
    room.create('web-0', container);
    await clock.advance(1000);
    expect(room.ready('web-0')).toBe(true);
    processes.started[0]?.end(1);
    await clock.advance(400);
    expect(state('web-0')).toMatchObject({
      ready: false,
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
    });
    expect(said).toEqual(['shop/web-0: container main ended with exit code 1, restart 1 in 500 ms.']);
    await clock.advance(1000);
    expect(room.ready('web-0')).toBe(true);
    expect(processes.started.map((p) => p.address)).toEqual(Array(2).fill(room.get('web-0')?.status?.podIP));
  });

  test('keeps its other containers when one crashes', async () => {
    room.create('web-0', {}, { containers: [{ name: 'a' }, { name: 'b' }] });
    await clock.advance(1000);
    processes.started[0]?.end(1);
    await clock.advance(100);
    expect([state('web-0', 0)?.ready, state('web-0', 1)?.ready]).toEqual([false, true]);
    await clock.advance(1000);
    expect(processes.started.map((p) => p.name)).toEqual(['a', 'b', 'a']);
    remove('web-0', 5);
    await clock.advance(5000);
    expect(processes.signals.map((s) => s.signal)).toEqual(['SIGTERM', 'SIGTERM', 'SIGKILL', 'SIGKILL']);
    expect(room.get('web-0')).toBeUndefined();
  });

  test.each([
    [0, 'Never', 'Succeeded'],
    [3, 'Never', 'Failed'],
    [0, 'OnFailure', 'Succeeded'],
  ] as const)('that ends with %d under restart policy %s has %s', async (code, restartPolicy, phase) => {
    room.create('job-0', {}, { restartPolicy });
    await clock.advance(1000);
    processes.started[0]?.end(code);
    await clock.advance(60_000);
    expect(room.get('job-0')?.status?.phase).toBe(phase);
    expect(state('job-0')?.state?.terminated?.exitCode).toBe(code);
    expect(processes.started).toHaveLength(1);
  });
});

describe('a pod that is deleted', () => {
  const since = () => Date.parse(room.get('web-0')?.status?.startTime ?? '');
  let deletedAt: number;
  const signals = () => processes.signals.map((s) => [s.signal, s.at - deletedAt]);

  async function deleted(sleepSeconds: number, graceSeconds: number): Promise<void> {
    room.create('web-0', {
      ...probed,
      ...(sleepSeconds ? { lifecycle: { preStop: { sleep: { seconds: sleepSeconds } } } } : {}),
    });
    await clock.advance(1000);
    expect(since()).toBeLessThan(clock.now());
    deletedAt = clock.now();
    remove('web-0', graceSeconds);
  }

  test('serves on until preStop is over, gets SIGTERM, and is removed when its process has ended', async () => {
    await deleted(4, 30);
    await clock.advance(3900);
    expect(room.ready('web-0')).toBe(true);
    expect(signals()).toEqual([]);
    await clock.advance(200);
    expect(signals()).toEqual([['SIGTERM', 4000]]);
    expect(room.get('web-0')).toBeDefined();
    processes.started[0]?.end(0);
    await clock.advance(1);
    expect(room.get('web-0')).toBeUndefined();
  });

  test('is killed when the grace that began with its deletion is over', async () => {
    await deleted(4, 30);
    await clock.advance(60_000);
    expect(signals()).toEqual([
      ['SIGTERM', 4000],
      ['SIGKILL', 30_000],
    ]);
    expect(room.get('web-0')).toBeUndefined();
  });

  test('has two seconds for SIGTERM even when preStop used up the grace', async () => {
    await deleted(60, 10);
    await clock.advance(60_000);
    expect(signals()).toEqual([
      ['SIGTERM', 10_000],
      ['SIGKILL', 12_000],
    ]);
  });

  test('goes sooner when it is deleted again with less grace', async () => {
    await deleted(0, 30);
    await clock.advance(1000);
    remove('web-0', 3);
    await clock.advance(10_000);
    expect(signals().at(-1)).toEqual(['SIGKILL', 4000]);
    expect(room.get('web-0')).toBeUndefined();
  });

  test('loses its processes at once when it is removed by force', async () => {
    await deleted(4, 30);
    remove('web-0', 0);
    await clock.advance(1);
    expect(signals()).toEqual([['SIGKILL', 0]]);
  });

  test('leaves its name to a successor with another address', async () => {
    await deleted(0, 30);
    const before = room.get('web-0')?.status?.podIP;
    processes.started[0]?.end(0);
    await clock.advance(1);
    room.create('web-0', probed);
    await clock.advance(1000);
    expect(room.ready('web-0')).toBe(true);
    expect(room.get('web-0')?.status?.podIP).not.toBe(before);
  });
});

describe('a machine that is halted', () => {
  test('kills every process at once and leaves the objects as they are', async () => {
    room.create('web-0', probed);
    room.create('web-1', probed);
    await clock.advance(1000);
    room.machines.halt(machine.instanceId);
    expect(processes.signals.map((s) => s.signal)).toEqual(['SIGKILL', 'SIGKILL']);
    await clock.advance(60_000);
    expect(room.ready('web-0')).toBe(true);
    await expect(room.machines.portForward({ namespace, name: 'web-0' }, 80)).rejects.toThrow(
      'pod shop/web-0 is not running',
    );
  });
});
