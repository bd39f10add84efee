import { describe, expect, test } from '@jest/globals';
import type { Member } from '../../src/cluster/members.ts';
import type { Group } from '../../src/cluster/ports.ts';
import { newImage } from '../../src/rehearsal/scenario/account.ts';
import { planOutput } from '../../src/rotation/forecast/output.ts';
import { handOn, movedSince, parseHandedPlan } from '../../src/rotation/handed-plan.ts';
import { planRotation } from '../../src/rotation/plan.ts';
import { settings } from './fake-context.ts';
import { group, member } from './objects.ts';
import { runEngine, shopWorld } from './world.ts';

const groups = [group({ desired: 2 }), group({ name: 'data', desired: 1 })];
const members = [member('1'), member('2', { zone: 'b' }), member('3', { group: 'data' })];
const planned = (g: readonly Group[] = groups, m: readonly Member[] = members, given = settings) =>
  planRotation(g, m, given);

describe('the digest of a plan', () => {
  test.each<[string, ReturnType<typeof planned>]>([
    ['groups are listed in another order', planned([...groups].reverse())],
    ['instances are listed in another order', planned(groups, [...members].reverse())],
    [
      'it is made at another time',
      planned(
        groups,
        members.map((m) => ({ ...m, launchedAt: 5 })),
      ),
    ],
    [
      'timeouts differ',
      planned(groups, members, { ...settings, timeouts: { ...settings.timeouts, node: 1 } }),
    ],
    ['it goes slower', planned(groups, members, { ...settings, intervalMs: 60_000, requiredPasses: 9 })],
    ['nothing is said about max-at-once', planned(groups, members, { ...settings, maxAtOnce: undefined })],
  ])('is the same when %s', (_, other) => {
    expect(other.digest).toBe(planned().digest);
  });

  test.each<[string, ReturnType<typeof planned>]>([
    ['another node is outdated', planned(groups, [...members, member('4')])],
    ['a node has become current', planned(groups, [member('1', { state: 'current' }), ...members.slice(1)])],
    ['max has changed', planned([group({ desired: 2, max: 11 }), ...groups.slice(1)])],
    ['more leave at once', planned(groups, members, { ...settings, maxSurge: 2 })],
    ['Jobs are evicted', planned(groups, members, { ...settings, jobs: 'evict' })],
    ['all is kept on failure', planned(groups, members, { ...settings, onFailure: 'keep' })],
  ])('is another when %s', (_, other) => {
    expect(other.digest).not.toBe(planned().digest);
  });
});

describe('what has moved since a plan', () => {
  const before = handOn(planned(), settings);
  const moved = (g: readonly Group[], m: readonly Member[], given = settings) =>
    movedSince(before, handOn(planned(g, m, given), given), (id) => id.replace('i-', 'node-'));

  test('is nothing when nothing has', () => {
    expect(moved([...groups].reverse(), [...members].reverse())).toEqual([]);
  });

  test('names nodes that joined, left or were replaced', () => {
    expect(moved(groups, [...members.slice(1), member('9', { zone: 'b' })])).toEqual([
      'general: a had 1 node, now 0',
      'general: b had 1 node, now 2',
      'general: outdated as planned, but now replaced, gone or up to date: node-1 (i-1)',
      'general: outdated now, but not planned: node-9 (i-9)',
    ]);
  });

  test('names targets, sizes and groups', () => {
    const target = { ...group().target, imageId: 'ami-newer' };
    expect(moved([group({ desired: 3, max: 12, target })], members.slice(0, 2))).toEqual([
      'general: max was 10, now it is 12',
      'general: desired was 2, now it is 3',
      'general: peak was 3, now it is 4',
      'general launched ami-new of nodes:2, now ami-newer of nodes:2',
      'group data was planned and is not there now',
    ]);
    expect(moved([...groups, group({ name: 'more' })], members)).toEqual([
      'group more was not planned, and is there now with 0 outdated',
    ]);
  });

  test('names inputs as the workflow writes them', () => {
    expect(moved(groups, members, { ...settings, jobs: 'evict', maxAtOnce: 1 })).toEqual([
      'jobs was "wait", now it is "evict"',
      'max-at-once was not set, now it is 1',
    ]);
  });
});

describe('the output plan of 1,500 nodes', () => {
  const many = Array.from({ length: 1500 }, (_, n) => {
    const id = String(n).padStart(17, '0');
    const name = `ip-10-0-${Math.floor(n / 250)}-${n % 250}.eu-west-1.compute.internal`;
    const one = member(id, { zone: 'eu-west-1a' });
    return { ...one, node: { ...one.node!, metadata: { name } } };
  });
  const plan = planRotation([group({ desired: 1500, max: 2000 })], many, { ...settings, maxSurge: 10 });
  const output = planOutput(plan, settings);

  test('fits an input, which Linux hands to a process as one string of at most 128 KiB', () => {
    expect(Buffer.byteLength(`INPUT_PLAN=${JSON.stringify(output)}`)).toBeLessThan(128 * 1024);
  });

  test('lists a thousand of them, and says so', () => {
    expect(output.order.flatMap((w) => Object.keys(w.nodes))).toHaveLength(1000);
    expect(output.notListed).toBe(500);
    expect(output.groups[0]).toMatchObject({ outdated: 1500 });
  });

  test('still tells that others are outdated', () => {
    const fewer = planRotation([group({ desired: 1500, max: 2000 })], many.slice(1), settings);
    expect(movedSince(handOn(plan, settings), handOn(fewer, settings))).toEqual(
      expect.arrayContaining([
        'general: 1500 nodes were outdated, now 1499',
        'general: other nodes are outdated than were planned (the plan lists 1000)',
      ]),
    );
  });
});

test.each([['{}'], ['[]'], ['plan'], ['{"digest":"1","settings":{},"groups":[{}]}']])(
  'what is no plan is refused: %s',
  (text) => {
    const document = text === 'plan' ? text : JSON.parse(text);
    expect(() => parseHandedPlan(document)).toThrow('expected the output plan of rotate-nodes phase: plan');
  },
);

describe('a rotation that is handed a plan', () => {
  const plannedIn = async (world: Awaited<ReturnType<typeof shopWorld>>, inputs = {}) => {
    const { outputs } = await runEngine(world, { phase: 'plan', ...inputs });
    return { plan: outputs.plan ?? '', digest: outputs['plan-digest'] ?? '' };
  };

  test('carries it out while the world is as it was', async () => {
    const world = await shopWorld({ factor: 4 });
    const { plan, digest } = await plannedIn(world);
    await world.clock.advance(600_000);
    const run = await runEngine(world, { plan });
    expect([run.failure, run.outputs.verdict, run.outputs['plan-digest']]).toEqual(['', 'completed', digest]);
    const again = await runEngine(world, { plan });
    expect([again.failure, again.outputs.verdict]).toEqual(['', 'nothing-to-do']);
  });

  test('refuses when the world has moved, says what is different, and touches nothing', async () => {
    const world = await shopWorld({ factor: 4 });
    const { plan } = await plannedIn(world);
    const { aws } = world.cluster;
    const { description } = aws;
    for (const { versions } of description.templates)
      versions.push({ ...versions.at(-1)!, imageId: 'ami-other' });
    aws.resize('shop-data', { max: 6 });
    const run = await runEngine(world, { plan, 'max-surge': '2', 'on-failure': 'keep' });
    expect(run.outputs.verdict).toBe('failed');
    expect(run.failure).toMatch('Nothing was touched: the world has moved since the plan');
    for (const line of [
      `shop-general launched ${newImage} of shop-general:2, now ami-other of shop-general:3`,
      'shop-data: max was 4, now it is 6',
      'max-surge was 1, now it is 2',
      'on-failure was "restore", now it is "keep"',
    ])
      expect(run.failure).toContain(`  - ${line}`);
    expect(world.lease()).toBeUndefined();
    expect(world.changed()).toEqual(['max of shop-data is 6, it was 4']);
  });

  test('refuses by the digest alone, and says how to be told more', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = await runEngine(world, { 'plan-digest': '0123456789abcdef' });
    expect(run.failure).toMatch('hand on the output plan of phase: plan, too');
    expect(world.lease()).toBeUndefined();
  });

  test('does not take over an unfinished run that has another plan', async () => {
    const world = await shopWorld({ factor: 4 });
    const { plan } = await plannedIn(world, { 'max-surge': '2' });
    const first = await runEngine(world, { phase: 'prepare' });
    expect(first.outputs.verdict).toBe('prepared');
    const run = await runEngine(world, { plan, 'max-surge': '2' });
    expect(run.failure).toMatch(`run ${first.outputs['run-id']} is unfinished and has the plan`);
    expect(world.lease()?.metadata.annotations?.['eks-rolling/state']).toBe('parked');
    expect((await runEngine(world)).outputs.verdict).toBe('completed');
  });

  test('refuses inputs that contradict it', async () => {
    const world = await shopWorld({ factor: 4 });
    const { plan } = await plannedIn(world);
    expect((await runEngine(world, { plan, 'plan-digest': 'other' })).failure).toMatch(
      '- plan-digest: got "other"',
    );
    expect((await runEngine(world, { plan: '{}' })).failure).toMatch('- plan: expected the output plan');
    expect((await runEngine(world, { plan, phase: 'plan' })).failure).toMatch('only phase: all and prepare');
  });
});
