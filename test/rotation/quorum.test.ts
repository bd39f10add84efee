import { describe, expect, test } from '@jest/globals';
import type { Member } from '../../src/cluster/members.ts';
import type { Node, Pod } from '../../src/cluster/objects.ts';
import {
  inOrder,
  type Layout,
  layoutOf,
  lostWithout,
  neverSpared,
  notServing,
  type Part,
  partsOf,
  Steadiness,
} from '../../src/rotation/control-plane/quorum.ts';

const node = (name: string, ready = true): Node => ({
  metadata: { name },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
});

const member = (name: string, group = `group-${name}`): Member => ({
  group,
  instanceId: `i-${name}`,
  zone: 'a',
  lifecycle: 'InService',
  launchedAt: 0,
  imageId: '',
  node: node(name),
  state: 'outdated',
  upToDate: false,
});

const part = (name: string, on: string, ready = true, key = `${name} ${on}`): Part => ({
  name,
  node: on,
  ready,
  key,
});

/** An etcd and an API server on each of these nodes; those after a `!` are not ready. */
const onEach = (...nodes: string[]): Part[] =>
  nodes.flatMap((n) => {
    const name = n.replace('!', '');
    return [part('etcd-manager-main', name, name === n), part('kube-apiserver', name, name === n)];
  });

const all = ['etcd-manager-main', 'kube-apiserver'];
const of = (members: number): Layout => ({ runs: {}, etcd: { 'etcd-manager-main': members } });

describe('what is seen of the control plane', () => {
  const pod = (name: string, on: string, more: Partial<Pod['metadata']> = {}): Pod => ({
    metadata: { name: `${name}-${on}`, namespace: 'kube-system', labels: { 'k8s-app': name }, ...more },
    spec: { nodeName: on, containers: [] },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });

  test('are its static pods in kube-system, and no others', () => {
    const pods = [
      pod('etcd-manager-main', 'a'),
      pod('kube-apiserver', 'a'),
      pod('kube-proxy', 'a'),
      pod('etcd-manager-main', 'a', { namespace: 'shop' }),
    ];
    expect(partsOf(pods, [node('a')]).map((p) => p.name)).toEqual(['etcd-manager-main', 'kube-apiserver']);
  });

  test.each([
    ['on a node that nobody hears of', [pod('kube-apiserver', 'a')], [node('a', false)]],
    ['without a node', [pod('kube-apiserver', 'a')], []],
    [
      'that is ending',
      [pod('kube-apiserver', 'a', { deletionTimestamp: '2026-01-01T00:00:00Z' })],
      [node('a')],
    ],
  ])('a pod %s is not ready, whatever was said of it last', (_, pods, nodes) => {
    expect(partsOf(pods, nodes).map((p) => p.ready)).toEqual([false]);
  });
});

describe('the quorum of etcd is a majority of all its members', () => {
  test.each([
    [3, onEach('a', 'b', 'c'), true],
    [3, onEach('a', '!b', 'c'), false],
    [3, onEach('a', 'b'), false],
    [5, onEach('a', 'b', 'c', 'd', 'e'), true],
    [5, onEach('a', 'b', 'c', '!d', 'e'), true],
    [5, onEach('a', 'b', 'c', '!d', '!e'), false],
    // Two are away altogether: three are seen, and still three are needed.
    [5, onEach('a', 'b', 'c'), false],
    [4, onEach('a', 'b', 'c', 'd'), true],
    [4, onEach('a', 'b', 'c'), false],
  ])('of %i members, seen as %j', (members, parts, may) => {
    expect(lostWithout('a', of(members), parts).length === 0).toBe(may);
  });

  test('and one that is broken itself may go', () => {
    expect(lostWithout('a', of(3), onEach('!a', 'b', 'c'))).toEqual([]);
  });

  test('says which etcd, how many there would be and who is not ready', () => {
    expect(lostWithout('a', of(3), onEach('a', '!b', 'c'))).toEqual([
      'etcd-manager-main would have 1 of 3 members ready, and needs 2 (not ready on b)',
    ]);
  });

  test('and another API server is needed, too', () => {
    const parts = [...['a', 'b', 'c'].map((n) => part('etcd-manager-main', n)), part('kube-apiserver', 'a')];
    expect(lostWithout('a', of(3), parts)).toEqual(['no other kube-apiserver is ready']);
  });
});

describe('members are counted', () => {
  const groups = ['a', 'b', 'c'].map((n) => ({ name: `group-${n}`, desired: 1 }));
  const members = ['a', 'b', 'c'].map((n) => member(n));

  test('by the sizes of their groups, also one that is away', () => {
    expect(layoutOf(groups, members.slice(0, 2), onEach('a', 'b'))).toEqual({
      runs: { 'group-a': all, 'group-b': all, 'group-c': all },
      etcd: { 'etcd-manager-main': 3 },
    });
  });

  test('in groups that are not rolled by their pods', () => {
    expect(layoutOf(groups.slice(0, 1), members, onEach('a', 'b', 'c')).etcd).toEqual({
      'etcd-manager-main': 3,
    });
  });

  test('without groups that only have an API server', () => {
    const parts = [...onEach('a', 'b'), part('kube-apiserver', 'c')];
    const layout = layoutOf(groups, members, parts);
    expect(layout.runs['group-c']).toEqual(['kube-apiserver']);
    expect(layout.etcd).toEqual({ 'etcd-manager-main': 2 });
  });
});

test.each([
  [1, ['etcd-manager-main has 1 member and needs 1, so none can be spared']],
  [2, ['etcd-manager-main has 2 members and needs 2, so none can be spared']],
  [3, []],
  [4, []],
  [5, []],
])('of %i members one can be spared, or none ever', (members, lines) => {
  expect(neverSpared({ ...of(members), runs: { group: all } })).toEqual(lines);
});

describe('the order in which members leave', () => {
  const members = ['a', 'b', 'c'].map((n) => member(n));
  const planned = members.map((m) => m.instanceId);
  const order = (parts: Part[], begun = '') =>
    inOrder(members, planned, parts, (n) => n.metadata.name === begun).map((m) => m.node?.metadata.name);

  test('is that of the plan', () => {
    expect(order(onEach('a', 'b', 'c'))).toEqual(['a', 'b', 'c']);
  });

  test('but who does not serve anyway goes before', () => {
    expect(order(onEach('a', '!b', 'c'))).toEqual(['b', 'a', 'c']);
  });

  test('and whose way out has begun before all', () => {
    expect(order(onEach('a', '!b', 'c'), 'c')).toEqual(['c', 'b', 'a']);
  });
});

describe('a new node serves', () => {
  const layout: Layout = { runs: { 'group-a': all }, etcd: { 'etcd-manager-main': 3 } };
  const see = (looks: [number, Part[]][]): string[] => {
    const steadiness = new Steadiness();
    for (const [now, parts] of looks) steadiness.see(parts, now);
    const [now, parts] = looks.at(-1) ?? [0, []];
    return notServing([member('a')], layout, parts, steadiness, { now, steadyMs: 60_000 });
  };

  test('when all that its group runs has been ready for long enough', () => {
    expect(
      see([
        [0, onEach('a')],
        [60_000, onEach('a')],
      ]),
    ).toEqual([]);
    expect(
      see([
        [0, onEach('a')],
        [30_000, onEach('a')],
      ]),
    ).toEqual([
      'etcd-manager-main on a is ready for 30s of 1m',
      'kube-apiserver on a is ready for 30s of 1m',
    ]);
  });

  test('not when one of its parts is missing or not ready', () => {
    expect(see([[0, [part('kube-apiserver', 'a', false)]]])).toEqual([
      'etcd-manager-main is not there on a',
      'kube-apiserver is not ready on a',
    ]);
  });

  test('not yet when one restarted between two looks', () => {
    const [etcd] = onEach('a');
    const before = [etcd as Part, part('kube-apiserver', 'a', true, 'first')];
    const after = [etcd as Part, part('kube-apiserver', 'a', true, 'second')];
    expect(
      see([
        [0, before],
        [60_000, after],
      ]),
    ).toEqual(['kube-apiserver on a is ready for 0ms of 1m']);
  });
});
