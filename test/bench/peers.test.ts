import { expect, test } from '@jest/globals';
import { Requests } from '../../bench/rotation/count.ts';
import { peerAws } from '../../bench/rotation/peers/aws.ts';
import { eksRollingUpdate } from '../../bench/rotation/peers/eks-rolling-update.ts';
import { kops } from '../../bench/rotation/peers/kops.ts';
import { managedNodeGroup } from '../../bench/rotation/peers/managed-node-group.ts';
import { twin } from '../../bench/rotation/peers/twin.ts';
import { upgradeManager } from '../../bench/rotation/peers/upgrade-manager.ts';
import type { Peer } from '../../bench/rotation/peers/world.ts';
import { groupName, type Stage, setStage } from '../../bench/rotation/stage.ts';
import { inProcessKubernetes } from '../../src/rehearsal/kubernetes/in-process.ts';
import { newImage } from '../../src/rehearsal/scenario/account.ts';
import { Random } from '../../src/rehearsal/world/random.ts';

interface Call {
  /** Seconds since the start. */
  at: number;
  what: string;
  args: unknown[];
}

/** Lets the model roll four nodes and tells what it asked, and when. */
async function watch(peer: Peer, atOnce: number): Promise<{ calls: Call[]; stage: Stage }> {
  const stage = await setStage({ nodes: 4, podsPerNode: 6, seed: 1 });
  const { clock, cluster } = stage;
  const began = clock.now();
  const calls: Call[] = [];
  const told = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        const member = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          calls.push({ at: (clock.now() - began) / 1000, what: String(name), args });
          return member.apply(target, args);
        };
      },
    });
  await clock.run(
    peer.run({
      kubernetes: told(inProcessKubernetes(cluster.registry)),
      aws: told(peerAws(cluster.aws, { now: () => clock.now(), sleep: async () => {} }, new Requests())),
      clock,
      random: new Random(1),
      group: groupName,
      atOnce,
      say: () => {},
    }),
  );
  return { calls, stage };
}

const timesOf = (calls: Call[], what: string): number[] =>
  calls.filter((c) => c.what === what).map((c) => c.at);
const first = (calls: Call[], what: string): number => timesOf(calls, what)[0] ?? Number.NaN;
const count = (calls: Call[], what: string): number => timesOf(calls, what).length;
const cordons = (calls: Call[]): Call[] =>
  calls.filter((c) => c.what === 'patch' && JSON.stringify(c.args).includes('unschedulable'));
const outdated = ({ cluster }: Stage): number =>
  [...cluster.aws.instances.values()].filter((i) => i.ec2 === 'running' && i.imageId !== newImage).length;

test('kops taints all, detaches one and then the rest of its surge, and validates twice after each completion', async () => {
  const { calls, stage } = await watch(kops, 2);
  expect(outdated(stage)).toBe(0);
  const taints = calls.filter((c) => JSON.stringify(c.args).includes('scheduled-for-update'));
  expect(taints).toHaveLength(4);
  const [one = 0, two = 0, ...more] = timesOf(calls, 'detach');
  expect(more).toEqual([]);
  expect(Math.max(...taints.map((c) => c.at))).toBeLessThanOrEqual(one);
  // A canary: 15 s, and then two passes 10 s apart, with 30 s after each failure.
  expect(two - one).toBeGreaterThanOrEqual(25);
  expect((two - one - 25) % 30).toBeCloseTo(0, 3);
  const gone = timesOf(calls, 'terminateInEc2');
  expect(gone).toHaveLength(4);
  // Each drained node rests for 5 s before it is terminated; 15 s and two passes follow before the next is cordoned.
  const begins = cordons(calls).map((c) => c.at);
  expect((gone[0] ?? 0) - (begins[0] ?? 0)).toBeGreaterThan(5);
  expect(begins[1]).toBe(begins[0]);
  expect((begins[2] ?? 0) - Math.min(gone[0] ?? 0, gone[1] ?? 0)).toBeGreaterThanOrEqual(25);
});

test('eks-rolling-update doubles the group, waits 90 s, cordons all, and then goes one by one', async () => {
  const { calls, stage } = await watch(eksRollingUpdate, 1);
  expect(outdated(stage)).toBe(0);
  expect(calls.find((c) => c.what === 'resize')?.args).toEqual([groupName, { max: 12, desired: 8 }]);
  const begins = cordons(calls).map((c) => c.at);
  expect(begins).toHaveLength(4);
  expect(begins[0]).toBeGreaterThanOrEqual(first(calls, 'resize') + 90);
  expect(Math.max(...begins)).toBeLessThanOrEqual(first(calls, 'evict'));
  expect(calls.find((c) => c.what === 'suspend')?.args).toEqual([groupName, ['Launch', 'ReplaceUnhealthy']]);
  const order = calls.filter((c) => ['remove', 'terminate'].includes(c.what)).map((c) => c.what);
  // The Node goes before its instance.
  expect(order).toEqual(Array(4).fill(['remove', 'terminate']).flat());
  const gone = timesOf(calls, 'terminate');
  // EC2 is asked every 20 s whether it has terminated.
  for (let i = 1; i < gone.length; i++) expect((gone[i] ?? 0) - (gone[i - 1] ?? 0)).toBeGreaterThan(40);
});

test('TwiN marks first, then adds one node a tick until the new ones have room for an old one', async () => {
  const { calls, stage } = await watch(twin, 1);
  expect(outdated(stage)).toBe(0);
  const marks = calls.filter((c) => JSON.stringify(c.args).includes('started-at')).map((c) => c.at);
  expect(marks).toHaveLength(4);
  expect(Math.max(...marks)).toBe(0);
  expect(first(calls, 'resize')).toBe(20);
  expect(calls.find((c) => c.what === 'resize')?.args).toEqual([groupName, { desired: 5 }]);
  expect(first(calls, 'terminate')).toBeGreaterThan(20 + 60);
  // One node a tick at most.
  const gone = timesOf(calls, 'terminate');
  for (let i = 1; i < gone.length; i++)
    expect((gone[i] ?? 0) - (gone[i - 1] ?? 0)).toBeGreaterThanOrEqual(20);
  // Above its minimum the group shrinks with the node, at its minimum it launches another.
  const decrements = calls
    .filter((c) => c.what === 'terminate')
    .map((c) => (c.args[1] as { decrement: boolean }).decrement);
  expect(decrements).toContain(true);
});

test('upgrade-manager puts a batch on standby, drains when its replacements serve, and looks every 30 s', async () => {
  const { calls, stage } = await watch(upgradeManager, 2);
  expect(outdated(stage)).toBe(0);
  const standbys = calls.filter((c) => c.what === 'enterStandby');
  expect(standbys.map((c) => (c.args[0] as string[]).length)).toEqual([2, 2]);
  expect(first(calls, 'evict')).toBeGreaterThan((standbys[0]?.at ?? 0) + 60);
  expect(first(calls, 'terminate')).toBeGreaterThanOrEqual(first(calls, 'evict') + 30);
  expect(count(calls, 'terminate')).toBe(4);
  expect((standbys[1]?.at ?? 0) - (timesOf(calls, 'terminate')[1] ?? 0)).toBeGreaterThanOrEqual(30);
});

test('a managed node group adds two nodes per zone, waits a minute after each drain, and scales down one by one', async () => {
  const { calls, stage } = await watch(managedNodeGroup, 1);
  expect(outdated(stage)).toBe(0);
  expect(calls.find((c) => c.what === 'resize')?.args).toEqual([groupName, { max: 12, desired: 10 }]);
  const marked = cordons(calls).filter((c) => c.at < first(calls, 'evict') + 0.001);
  expect(marked.length).toBeGreaterThanOrEqual(4);
  expect(first(calls, 'terminate')).toBeGreaterThanOrEqual(first(calls, 'evict') + 60);
  const decrements = calls
    .filter((c) => c.what === 'terminate')
    .map((c) => (c.args[1] as { decrement: boolean }).decrement);
  expect(decrements).toEqual([...Array(4).fill(false), ...Array(6).fill(true)]);
  const gone = timesOf(calls, 'terminate');
  for (let i = 1; i < gone.length; i++)
    expect((gone[i] ?? 0) - (gone[i - 1] ?? 0)).toBeGreaterThanOrEqual(60);
});
