import { describe, expect, test } from '@jest/globals';
import { noCapacity } from '../../src/rehearsal/faults/no-capacity.ts';
import { pdbNeverAllows } from '../../src/rehearsal/faults/pdb-never-allows.ts';
import { budget, deployment } from '../../src/rehearsal/scenario/objects.ts';
import type { PlanOutput } from '../../src/rotation/forecast/output.ts';
import { runEngine, shopWorld, startEngine, type World } from './world.ts';

/** Runs the engine and notes when each line was said. */
async function listen(world: World, inputs: Record<string, string>) {
  const run = startEngine(world, inputs);
  const said: number[] = [world.clock.now()];
  const push = run.log.push.bind(run.log);
  run.log.push = (...lines) => {
    said.push(world.clock.now());
    return push(...lines);
  };
  const failure = await world.clock.run(run.ended);
  said.push(world.clock.now());
  return { ...run, failure, longestSilenceMs: Math.max(...said.slice(1).map((t, n) => t - (said[n] ?? t))) };
}

describe('phase plan', () => {
  test('tells order, zones, canaries, peak, changes, and who stands in the way', async () => {
    const world = await shopWorld({ fault: pdbNeverAllows });
    const run = await runEngine(world, { phase: 'plan', validation: '', baseline: '' });
    const plan = JSON.parse(run.outputs.plan ?? '') as PlanOutput;
    expect(plan.waves).toBe(4);
    expect(plan.order.map((w) => Object.keys(w.nodes).length)).toEqual([2, 2, 2, 1]);
    expect(plan.order.map((w) => w.canary)).toEqual([true, undefined, undefined, undefined]);
    expect(Object.values(plan.order[0]?.nodes ?? {})).toEqual([
      expect.stringMatching(/^eu-west-1[abc]$/),
      expect.stringMatching(/^eu-west-1[abc]$/),
    ]);
    expect(plan.forecast?.peak).toBe(9);
    expect(plan.forecast?.blocking).toBe(1);
    expect(plan.forecast?.blockers[0]).toMatchObject({
      outlook: 'blocks',
      workload: 'StatefulSet shop/ledger',
    });
    expect(plan.forecast?.how).toMatch(/dry runs of the Eviction API/);
    expect(plan.forecast?.changes).toEqual([
      'Deployment kube-system/cluster-autoscaler (cluster-autoscaler): replicas 1 to 0, and back at the end',
      'AZRebalance of shop-general: suspended, and resumed at the end',
      'AZRebalance of shop-data: suspended, and resumed at the end',
      'desired of shop-general: 4 to 5 at most, and back with every wave',
      'desired of shop-data: 3 to 4 at most, and back with every wave',
      expect.stringMatching('taint eks-rolling on 7 nodes'),
      'Deployment shop/checkout: replicas 1 to 2 while its pod moves, and back',
      expect.stringMatching('only while the run rests'),
    ]);
    expect([run.writes(), world.changed()]).toEqual([0, []]);
  });

  test('shows the same in the summary, in words', async () => {
    const world = await shopWorld({ fault: pdbNeverAllows });
    const run = await runEngine(world, { phase: 'plan' });
    const text = run.summary();
    expect(text).toMatch(/7 nodes in 4 waves, at most 9 nodes at once, about \d+m\d*s?; largest: /);
    expect(text).toMatch('It will stop at StatefulSet shop/ledger unless somebody changes something.');
    expect(text).toMatch(/\| 1 \| ip-\S+ \(eu-west-1.\) \*\*canary\*\*<br>/);
    expect(text).toMatch(/\| \*\*blocks\*\* \| StatefulSet shop\/ledger \| \d \| ip-/);
    expect(text).toMatch('**What changes, and is put back**');
    expect(text).toMatch('- assumed: an instance takes 75 s to terminate');
    expect(run.log.at(-1)).toMatch(/^Plan: 7 nodes in 4 waves/);
  });

  test('says that there is nothing to do', async () => {
    const world = await shopWorld({ factor: 4 });
    await runEngine(world);
    const run = await runEngine(world, { phase: 'plan' });
    const plan = JSON.parse(run.outputs.plan ?? '') as PlanOutput;
    expect(plan).toMatchObject({
      waves: 0,
      order: [],
      forecast: { seconds: 0, blockers: [], changes: [], peak: 7 },
    });
    expect(run.summary()).toMatch('0 waves');
  });

  test('learns from a rotation before how long instances take to terminate', async () => {
    const world = await shopWorld();
    await runEngine(world);
    const run = await runEngine(world, { phase: 'plan', force: 'true' });
    const plan = JSON.parse(run.outputs.plan ?? '') as PlanOutput;
    expect(plan.forecast?.assumed).toEqual([]);
    // 40 s to shut down, and 30 s of a lifecycle hook in the group of the data, in three of four waves.
    expect(plan.forecast?.largest).toContainEqual({ what: 'termination of instances', seconds: 250 });
  });
});

describe('the log of a rotation', () => {
  test('has a group per wave with its number, and ends the last one', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = await listen(world, {});
    const folds = run.log.filter((line) => line.startsWith('fold: '));
    const titles = folds.filter((f) => f !== 'fold: ');
    expect(titles.length).toBeGreaterThanOrEqual(4);
    expect(titles.map((f) => f.replace(/, \d of 7 nodes left: ip-.*/, ': …'))).toEqual(
      titles.map((_, n) => `fold: Wave ${n + 1}: …`),
    );
    expect(titles[0]).toMatch(', 7 of 7 nodes left');
    // What is said between two waves is in none of them.
    expect(folds[1]).toBe('fold: ');
    expect(folds.at(-1)).toBe('fold: ');
    const last = run.log.indexOf('fold: ');
    expect(run.log.slice(last).some((l) => /^Waiting for .* to be gone/.test(l))).toBe(false);
  });

  test('ends the group of a wave that fails, so that nobody misses why', async () => {
    const run = await listen(await shopWorld({ fault: noCapacity }), {});
    expect(run.failure).toMatch('AWS did not launch');
    expect(run.log.indexOf('fold: ')).toBeLessThan(run.log.findIndex((l) => l.startsWith('Failed: ')));
    expect(run.log).toContain('fold: ');
  });

  test('is never silent for longer than 30 s, whatever it waits for', async () => {
    const slow = [
      deployment({
        namespace: 'shop',
        name: 'slow',
        image: 'slow',
        replicas: 3,
        lingerSeconds: 90,
        graceSeconds: 120,
      }),
      budget('shop', 'slow', { maxUnavailable: 1 }),
    ];
    const world = await shopWorld({ more: slow });
    const run = await listen(world, { interval: '3m', 'settle-time': '2m', soak: '2m' });
    expect(run.failure).toBe('');
    expect(run.longestSilenceMs).toBeLessThanOrEqual(30_500);
    expect(run.log).toContainEqual(
      expect.stringMatching(/^Waiting for the next wave \(interval\) since 40s, 2m20s more\.$/),
    );
    expect(run.log).toContainEqual(
      expect.stringMatching(
        /^Waiting for the pods of .* to leave since \d+s.*: it leaves once the additional replica of Deployment shop\/checkout serves: load balancers are given time to learn of it/,
      ),
    );
  });

  test('says with every wait when it should end, and when it should have', async () => {
    const run = await listen(await shopWorld({ seed: 3 }), {});
    expect(run.log).toContainEqual(
      expect.stringMatching(
        /^All that are left should take about \d+m\d*s?: until about \d\d:\d\d:\d\d UTC\.$/,
      ),
    );
    expect(run.log).toContainEqual(
      expect.stringMatching(
        /^Waiting for the new nodes since 20s, until about \d\d:\d\d:\d\d, at most 14m\d+s more: /,
      ),
    );
    const late = await listen(await shopWorld({ fault: pdbNeverAllows }), { 'drain-timeout': '2m' });
    expect(late.log).toContainEqual(
      expect.stringMatching(
        /^Waiting for the pods of .* to leave since \d+s, longer than the expected \d+s, at most /,
      ),
    );
  });
});

test('the summary of a rotation has the steps of each wave', async () => {
  const world = await shopWorld();
  const run = await runEngine(world, { soak: '1m' });
  const text = run.summary();
  expect(text).toMatch('| Wave | Nodes replaced | surge | drain | soak | terminate | gate | Wave took |');
  const rows = text.split('\n').filter((line) => /^\| \d \| ip-/.test(line));
  expect(rows).toHaveLength(4);
  for (const row of rows) {
    const [, , , surge, , soak, , , took] = row
      .split(' | ')
      .flatMap((c) => c.split('| '))
      .map((c) => c.trim());
    expect([surge, soak]).toEqual([
      expect.stringMatching(/^[12]m\d*s?$/),
      expect.stringMatching(/^(59s|1m\d?s?)$/),
    ]);
    expect(took).toMatch(/^[234]m/);
  }
});
