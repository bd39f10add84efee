import { beforeEach, describe, expect, test } from '@jest/globals';
import { nodeReady } from '../../../src/cluster/members.ts';
import type { Node } from '../../../src/cluster/objects.ts';
import { weightlessRuntime } from '../../../src/rehearsal/kubelet/runtime.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { machine, machineRoom, node, type Room } from './room.ts';

let clock: VirtualClock;
let room: Room;

const found = (): Node | undefined => room.store.get('nodes', { name: node });
const lease = () => room.store.get('leases', { namespace: 'kube-node-lease', name: node });
const taints = () => (found()?.spec.taints ?? []).map((t) => t.key);

beforeEach(() => {
  clock = new VirtualClock();
  room = machineRoom(clock, weightlessRuntime, { bootMs: 30_000 });
});

function withNetworkPlugin(): void {
  room.store.create('daemonsets', {
    metadata: { name: 'aws-node', namespace: 'kube-system' },
    spec: { selector: {}, template: { spec: { containers: [] } } },
  });
}

function runNetworkPlugin(): void {
  room.store.create('pods', {
    metadata: { name: 'aws-node-abcde', namespace: 'kube-system' },
    spec: { nodeName: node, hostNetwork: true, containers: [{ name: 'aws-node', image: 'cni' }] },
  });
}

describe('a machine that is turned on', () => {
  test('registers its Node once it has booted, as EKS nodes look', async () => {
    room.machines.boot(machine);
    await clock.advance(29_000);
    expect(found()).toBeUndefined();
    await clock.advance(2000);
    expect(found()).toMatchObject({
      metadata: {
        labels: {
          'kubernetes.io/hostname': node,
          'topology.kubernetes.io/zone': 'eu-west-1a',
          'topology.kubernetes.io/region': 'eu-west-1',
          'node.kubernetes.io/instance-type': 'm5.large',
          role: 'general',
        },
      },
      spec: { providerID: `aws:///eu-west-1a/${machine.instanceId}` },
      status: {
        allocatable: { cpu: '1930m', pods: '29' },
        addresses: [
          { type: 'InternalIP', address: '10.0.1.17' },
          { type: 'Hostname', address: node },
        ],
      },
    });
    expect(room.store.get('csinodes', { name: node })?.spec.drivers[0]?.nodeID).toBe(machine.instanceId);
  });

  test('joins tainted, and is not ready until the network plugin runs on it', async () => {
    withNetworkPlugin();
    room.machines.boot(machine);
    await clock.advance(120_000);
    expect(nodeReady(found()!)).toBe(false);
    expect(taints()).toEqual(['dedicated', 'node.kubernetes.io/not-ready']);
    runNetworkPlugin();
    await clock.advance(1000);
    expect(nodeReady(found()!)).toBe(true);
  });

  test('never appears when it never joins', async () => {
    room = machineRoom(clock, weightlessRuntime, { bootMs: () => 1000, neverJoins: () => true });
    room.machines.boot(machine);
    await clock.advance(600_000);
    expect(found()).toBeUndefined();
  });
});

describe('a kubelet', () => {
  beforeEach(async () => {
    withNetworkPlugin();
    room.machines.boot(machine);
    await clock.advance(31_000);
    runNetworkPlugin();
    await clock.advance(1000);
  });

  test('renews its lease every ten seconds, and posts its status every five minutes', async () => {
    const posted = () => found()?.status?.conditions?.find((c) => c.type === 'Ready');
    const before = posted();
    await clock.advance(400_000);
    const age = clock.now() - Date.parse(lease()?.spec.renewTime ?? '');
    expect(age).toBeLessThanOrEqual(10_000);
    expect(posted()?.lastHeartbeatTime).not.toBe(before?.lastHeartbeatTime);
    expect(posted()?.lastTransitionTime).toBe(before?.lastTransitionTime);
  });

  test('registers again, ready at once, when its Node was deleted', async () => {
    const uid = found()?.metadata.uid;
    room.store.remove('nodes', { name: node });
    expect(lease()).toBeUndefined();
    await clock.advance(1500);
    expect(found()?.metadata.uid).not.toBe(uid);
    expect(nodeReady(found()!)).toBe(true);
    expect(lease()?.metadata.ownerReferences).toMatchObject([{ kind: 'Node', uid: found()?.metadata.uid }]);
  });

  test('says again that it is ready when a controller has written otherwise', async () => {
    room.store.modify('nodes', { name: node }, (draft) => {
      for (const c of draft.status?.conditions ?? []) if (c.type === 'Ready') c.status = 'Unknown';
    });
    await clock.advance(10_000);
    expect(nodeReady(found()!)).toBe(true);
  });

  test('writes nothing any more once its machine is halted', async () => {
    room.create('web-0');
    await clock.advance(150);
    room.machines.halt(machine.instanceId);
    const { revision } = room.store;
    room.store.remove('nodes', { name: node });
    room.store.remove('pods', { namespace: 'shop', name: 'web-0' });
    await clock.advance(600_000);
    expect(found()).toBeUndefined();
    expect(room.get('web-0')?.metadata.deletionTimestamp).toBeDefined();
    // The Node with its Lease and CSINode went, and the pod got its deletion timestamp.
    expect(room.store.revision).toBe(revision + 4);
  });
});
