import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Kubernetes } from '../../../src/cluster/ports.ts';
import type { PlayedCluster } from './cluster.ts';
import { embeddedCluster } from './embedded.ts';
import { play, type Scene } from './play.ts';
import { describedFaults, playMany } from './play-many.ts';
import { randomPlay } from './random-play.ts';
import { randomWorld } from './random-world.ts';
import { witness } from './witness.ts';

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Plays each world to two embedded clusters with different dice, the second of which may be made wrong. */
async function faultsOf(seeds: number[], wrong = (right: Kubernetes) => right): Promise<string[]> {
  const faults: string[] = [];
  for (const seed of seeds) {
    const a = embeddedCluster(seed);
    const right = embeddedCluster(seed + 1_000_000);
    const b: PlayedCluster = { ...right, kubernetes: wrong(right.kubernetes) };
    for (const verdict of await playMany({ a, b }, [seed], 1))
      faults.push(...verdict.faults.map((line) => `world ${seed}: ${line}`));
    await a.stop();
    await right.stop();
  }
  return faults;
}

/** Its lists are copies, eight polls old at worst: by then nothing seems to have changed for long. */
function lagging(right: PlayedCluster): PlayedCluster {
  const copies = new Map<string, { left: number; answer: unknown }>();
  const { list } = right.kubernetes;
  const listOld: Kubernetes['list'] = async (resource, query) => {
    const key = JSON.stringify([resource, query]);
    const copy = copies.get(key);
    if (copy && copy.left-- > 0) return copy.answer as never;
    const answer = await list(resource, query);
    copies.set(key, { left: 8, answer });
    return answer;
  };
  return {
    ...right,
    kubernetes: { ...right.kubernetes, list: listOld },
    podsNow: async (namespace) => (await list('pods', { namespace })).items,
  };
}

describe('a random world on the embedded cluster', () => {
  test.each([1, 11, 21, 31, 41, 51])(
    'comes to the same end whatever the dice (ten from %i)',
    async (first) => {
      expect(await faultsOf(numbers(first, first + 9))).toEqual([]);
    },
  );

  test('comes to the same end when other worlds share its cluster', async () => {
    const [a, b] = [embeddedCluster(1), embeddedCluster(2)];
    const verdicts = await playMany({ a, b }, numbers(61, 72), 6);
    expect(verdicts.flatMap((v) => v.faults)).toEqual([]);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('comes to the same end when it is seen in a copy that lags', async () => {
    const [a, b] = [embeddedCluster(1), embeddedCluster(2)];
    const verdicts = await playMany({ a, b: lagging(b) }, numbers(1, 10), 1);
    expect(verdicts.flatMap((v) => v.faults)).toEqual([]);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('leaves nothing behind', async () => {
    const cluster = embeddedCluster(1);
    for (const seed of numbers(1, 5)) {
      const world = randomWorld(seed);
      await play(cluster, world, randomPlay(world));
    }
    await cluster.pause(60_000);
    for (const resource of [
      'nodes',
      'pods',
      'replicasets',
      'poddisruptionbudgets',
      'endpointslices',
    ] as const)
      expect((await cluster.kubernetes.list(resource)).items).toEqual([]);
    await cluster.stop();
  });
});

describe('the random worlds', () => {
  const scenes: Scene[] = [];
  const witnessed: string[] = [];

  beforeAll(async () => {
    for (const seed of numbers(1, 60)) {
      const cluster = embeddedCluster(seed);
      const world = randomWorld(seed);
      const over = new AbortController();
      const lines = witness(cluster.kubernetes, world, over.signal);
      scenes.push(...(await play(cluster, world, randomPlay(world))));
      over.abort();
      witnessed.push(...(await lines));
      await cluster.stop();
    }
  }, 60_000);

  test('see the promises of scheduler and StatefulSets kept at every moment', () => {
    expect(witnessed).toEqual([]);
  });

  test.each(['accepted', 'budget', 'several-budgets', 'deleted'])('get the answer "%s"', (answer) => {
    expect(scenes.flatMap((s) => s.answers).filter((a) => a.endsWith(` ${answer}`)).length).toBeGreaterThan(
      3,
    );
  });

  test.each([
    'cordon',
    'uncordon',
    'taint',
    'untaint',
    'lose node',
    'evict from node',
    'evict',
    'evict pending',
    'delete',
    'scale',
    'change template',
    'delete budget',
  ])('are played the action "%s"', (action) => {
    expect(scenes.filter((s) => s.action.split(',')[0] === action).length).toBeGreaterThan(3);
  });

  test.each(['unschedulable', 'notReady', 'numberMisscheduled'])('have pods that count as %s', (fact) => {
    const found = scenes.filter((s) =>
      Object.values(s.state.workloads).some((facts) => Number(facts[fact]) > 0),
    );
    expect(found.length).toBeGreaterThan(0);
  });

  test('get stuck in rollouts', () => {
    const stuck = scenes.filter((s) =>
      Object.values(s.state.workloads).some((f) => Array.isArray(f.replicaSets) && f.replicaSets.length > 1),
    );
    expect(stuck.length).toBeGreaterThan(0);
  });
});

test('the first lines about faults say in which worlds they are', () => {
  const verdicts = [
    { seed: 7, faults: ['state.nodes.a: 1 here, 2 there', 'after', '  cordon'] },
    { seed: 8, faults: [] },
    { seed: 9, faults: ['there, after cordon: no'] },
  ];
  const [first, second] = describedFaults(verdicts).split('\n');
  expect(first).toBe('World 7: state.nodes.a: 1 here, 2 there');
  expect(second).toBe('World 9: there, after cordon: no');
  expect(describedFaults(verdicts.slice(1, 2))).toBe('');
});

describe('a cluster that is not Kubernetes is caught', () => {
  const caught = async (wrong: (right: Kubernetes) => Kubernetes) =>
    (await faultsOf(numbers(1, 8), wrong)).join('\n');

  test('when it accepts every eviction', async () => {
    const faults = await caught((right) => ({
      ...right,
      evict: async ({ namespace, name, uid }) => {
        await right.remove('pods', { namespace, name }, { uid });
        return { kind: 'accepted' };
      },
    }));
    expect(faults).toContain('in spite of');
    expect(faults).toContain('answers: ');
  });

  test('when it refuses every eviction', async () => {
    const faults = await caught((right) => ({
      ...right,
      evict: async () => ({ kind: 'budget', message: 'Not now.' }),
    }));
    expect(faults).toMatch(/answers: .*accepted.* here, .*budget.* there/);
  });

  test('when it forgets to cordon', async () => {
    const faults = await caught((right) => ({
      ...right,
      patch: async (resource, ref, patch) =>
        JSON.stringify(patch.body).includes('unschedulable')
          ? ((await right.get(resource, ref)) as never)
          : right.patch(resource, ref, patch),
    }));
    expect(faults).toMatch(/unschedulable: true here, false there/);
  });

  test('when its budgets count one pod too many', async () => {
    const faults = await caught((right) => ({
      ...right,
      list: async (resource, query) => {
        const { items, resourceVersion } = await right.list(resource, query);
        if (resource !== 'poddisruptionbudgets') return { items, resourceVersion };
        const counted = items.map((item) => {
          const { status } = item as { status?: { currentHealthy: number } };
          return { ...item, status: { ...status, currentHealthy: (status?.currentHealthy ?? 0) + 1 } };
        });
        return { items: counted as typeof items, resourceVersion };
      },
    }));
    expect(faults).toMatch(/has currentHealthy \d+, and should have \d+/);
  });
});
