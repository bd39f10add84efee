import { describe, expect, test } from '@jest/globals';
import type { Fault } from '../../src/rehearsal/faults/fault.ts';
import { neverJoins } from '../../src/rehearsal/faults/never-joins.ts';
import { newImage, oldImage } from '../../src/rehearsal/scenario/account.ts';
import { deployment, type Manifest } from '../../src/rehearsal/scenario/objects.ts';
import { ledger } from './workloads.ts';
import { type Engine, runEngine, shopWorld, startEngine, type World, type WorldOptions } from './world.ts';

/** Sweeps replay a rotation many times; a busy machine takes its time. */
const sweepMs = 90_000;

const back = { phase: 'rollback', validation: '', baseline: '' };

/** Groups that follow `$Latest`, as the shop's do, are pinned to the version that their old nodes ran. */
const pinned = [
  expect.stringMatching(/^launch of shop-general is .*"Version":"1".*it was .*"Version":"\$Latest"/),
  expect.stringMatching(/^launch of shop-data is .*"Version":"1".*it was .*"Version":"\$Latest"/),
];

/** A Deployment that can run on no node. */
const nowhere: Manifest = deployment({
  namespace: 'shop',
  name: 'nowhere',
  image: 'nowhere',
  replicas: 1,
  nodeSelector: { role: 'none' },
});

const images = ({ cluster }: World): string[] =>
  [...cluster.aws.instances.values()].filter((i) => i.lifecycle === 'InService').map((i) => i.imageId);

const names = ({ cluster }: World): string[] => cluster.store.list('nodes').map((n) => n.metadata.name);

function expectOldNodes(world: World, launch: unknown[] = pinned): void {
  expect(images(world)).toEqual(Array.from({ length: 7 }, () => oldImage));
  expect(world.changed()).toEqual(launch);
  expect(world.lease()).toBeUndefined();
  expect(world.fewestReady('checkout')).toBeGreaterThanOrEqual(1);
  expect(world.fewestReady('web')).toBeGreaterThanOrEqual(4);
  expect(world.fewestReady('orders')).toBeGreaterThanOrEqual(1);
}

async function until(world: World, engine: Engine, happened: () => boolean): Promise<void> {
  for (let n = 0; !happened() && n < 4000; n++) await world.clock.advance(500);
  expect(happened()).toBe(true);
  expect(engine.outputs.verdict).toBeUndefined();
}

const replacedLines = (engine: Engine): number =>
  engine.log.filter((l) => l.startsWith('Terminating ')).length;

describe('a rollback', () => {
  test('of a completed run brings back nodes like the old ones, and says first what it does', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = await runEngine(world);
    expect(run.outputs.verdict).toBe('completed');
    const undo = await runEngine(world, { ...back, 'run-id': run.outputs['run-id'] ?? '' });
    expect(undo.failure).toBe('');
    expect(undo.outputs).toMatchObject({ verdict: 'rolled-back', replaced: '7', complete: 'true' });
    expect(undo.log.slice(0, 3)).toEqual([
      `Rolling back run ${run.outputs['run-id']}:`,
      `shop-general launches from version 1 of launch template shop-general (${oldImage}) again, no longer from version 2 of launch template shop-general (${newImage}).`,
      expect.stringMatching(/^shop-general: 0 old nodes stay \(none\), 4 new nodes leave \(.*\)\.$/),
    ]);
    expect(undo.summary()).toMatch('rotate-nodes rollback: rolled-back');
    expect(undo.summary()).toMatch('**The way back**');
    expectOldNodes(world);

    const again = await runEngine(world, { ...back, 'run-id': run.outputs['run-id'] ?? '' });
    expect(again.outputs.verdict).toBe('nothing-to-do');
    expect(again.writes()).toBe(0);
    expectOldNodes(world);
  });

  test('of a run that was killed keeps the old nodes that are left, and replaces only what is missing', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = startEngine(world);
    await until(world, run, () => replacedLines(run) >= 3);
    run.kill();
    const left = world.outdated();
    const before = names(world);
    const undo = await runEngine(world, back);
    expect(undo.failure).toBe('');
    expect(undo.outputs.verdict).toBe('rolled-back');
    expectOldNodes(world);
    // Those that had been told to terminate already are gone.
    const kept = left.filter((name) => names(world).includes(name));
    expect(kept.length).toBeGreaterThanOrEqual(left.length - 2);
    expect(names(world).filter((name) => !before.includes(name))).toHaveLength(7 - kept.length);
  });

  test.each([1, 2])(
    'of a run that was killed before it did anything, at write %i, is refused with how to end that run',
    async (afterWrite) => {
      const world = await shopWorld({ factor: 4 });
      const run = startEngine(world, {}, { afterWrite });
      for (let n = 0; n < 400 && !run.killed(); n++) await world.clock.advance(250);
      const { failure } = await runEngine(world, back);
      expect(failure).toMatch(
        /^Run \S+ .*there is nothing to undo\. Run the workflow again to go on with it, or rotate-nodes with phase: restore and run-id: \S+ to end it\.$/,
      );
      const restored = await runEngine(world, { phase: 'restore' });
      expect([restored.failure, restored.outputs.verdict]).toEqual(['', 'restored']);
      expect(world.lease()).toBeUndefined();
    },
  );

  test(
    'after a gate that stays shut mid-way, whichever way the failure was left',
    async () => {
      for (const onFailure of ['restore', 'keep']) {
        const world = await shopWorld({ factor: 4, seed: 3 });
        const run = startEngine(world, { 'gate-timeout': '1m', 'on-failure': onFailure });
        await until(world, run, () => replacedLines(run) >= 3);
        world.cluster.apply([nowhere]);
        const failure = await world.clock.run(run.ended);
        expect(failure).toMatch('Deployment shop/nowhere has too few ready pods');
        expect(failure).toMatch(/: \d nodes are new and \d old\./);
        expect(failure).toMatch('Run the workflow again to go on with');
        const advice = `Run rotate-nodes with \`phase: rollback\` and \`run-id: ${run.outputs['run-id']}\` to return`;
        expect(failure).toMatch(advice);
        expect(run.summary()).toMatch(advice);
        const undo = await runEngine(world, { ...back, 'run-id': run.outputs['run-id'] ?? '' });
        expect(undo.failure).toBe('');
        expectOldNodes(world);
      }
    },
    sweepMs,
  );

  test(
    'of an image that never becomes a node',
    async () => {
      for (const onFailure of ['restore', 'keep']) {
        const world = await shopWorld({ fault: neverJoins, factor: 4 });
        const old = names(world);
        const run = await runEngine(world, { 'node-timeout': '3m', 'on-failure': onFailure });
        expect(run.failure).toMatch('node-timeout');
        const undo = await runEngine(world, { ...back, 'run-id': run.outputs['run-id'] ?? '' });
        expect(undo.failure).toBe('');
        expect(names(world)).toEqual(old);
        expectOldNodes(world);
      }
    },
    sweepMs,
  );

  test(
    'of an image on which pods never get ready',
    async () => {
      for (const onFailure of ['restore', 'keep']) {
        let world: World | undefined;
        const broken: Fault = {
          name: 'broken-image',
          what: 'pods never get ready on the new image',
          startDelayMs: (pod) =>
            pod.metadata.namespace === 'shop' && world && !world.outdated().includes(pod.spec.nodeName ?? '')
              ? 7 * 86_400_000
              : 0,
          explained: { byWords: [], conclusion: 'failure' },
        };
        world = await shopWorld({ fault: broken, factor: 4 });
        const run = await runEngine(world, {
          'gate-timeout': '2m',
          'drain-timeout': '2m',
          'on-failure': onFailure,
        });
        expect(run.outputs.verdict).toBe('failed');
        const undo = await runEngine(world, { ...back, 'run-id': run.outputs['run-id'] ?? '' });
        expect(undo.failure).toBe('');
        expectOldNodes(world);
      }
    },
    sweepMs,
  );

  test.each([1, 2, 3, 4, 6, 8, 10, 12, 15, 22, 36, 60, 100])(
    'of a run that ended, killed after its write %d and run again',
    async (afterWrite) => {
      const world = await shopWorld({ factor: 2 });
      const runId = (await runEngine(world, { 'max-surge': '50%' })).outputs['run-id'] ?? '';
      const undo = startEngine(world, { ...back, 'run-id': runId }, { afterWrite });
      for (let n = 0; !undo.killed() && n < 4000; n++) await world.clock.advance(500);
      expect(undo.killed()).toBe(true);
      const again = await runEngine(world, { ...back, 'run-id': runId });
      expect(again.failure).toBe('');
      expectOldNodes(world);
    },
    sweepMs,
  );

  test.each([
    [7, 3],
    [12, 9],
    [20, 5],
    [30, 12],
    [44, 7],
    [58, 20],
    [71, 30],
    [85, 40],
    [99, 8],
  ])(
    'of a run that was killed after its write %d, killed after its own write %d and run again',
    async (afterWrite, backward) => {
      const world = await shopWorld({ factor: 2 });
      const run = startEngine(world, {}, { afterWrite });
      for (let n = 0; !run.killed() && n < 4000; n++) await world.clock.advance(500);
      const undo = startEngine(world, back, { afterWrite: backward });
      for (let n = 0; !undo.killed() && undo.outputs.verdict === undefined && n < 4000; n++)
        await world.clock.advance(500);
      const again = await runEngine(world, { ...back, 'run-id': run.outputs['run-id'] ?? '' });
      expect(again.failure).toBe('');
      expectOldNodes(world);
    },
    sweepMs,
  );

  test('rests when its time is up, and goes on when it is run again', async () => {
    const world = await shopWorld({ factor: 4 });
    const runId = (await runEngine(world)).outputs['run-id'] ?? '';
    const first = await runEngine(world, { ...back, 'run-id': runId, 'time-budget': '2m' });
    expect(first.outputs).toMatchObject({ verdict: 'incomplete', complete: 'false' });
    expect(first.summary()).toMatch(
      `\`phase: rollback\` and \`run-id: ${runId}\` to go on with the rollback`,
    );
    const second = await runEngine(world, back);
    expect(second.outputs).toMatchObject({ verdict: 'rolled-back', 'run-id': runId });
    expectOldNodes(world);
  });

  test('that is unfinished is not undone by going forward, and can be left as it is', async () => {
    const world = await shopWorld({ factor: 4 });
    const runId = (await runEngine(world)).outputs['run-id'] ?? '';
    const undo = startEngine(world, { ...back, 'run-id': runId });
    await until(world, undo, () => replacedLines(undo) >= 3);
    undo.kill();
    const forward = await runEngine(world);
    expect(forward.failure).toMatch(`Run ${runId} is being rolled back and has not finished.`);
    expect(forward.failure).toMatch('`phase: rollback`');
    const restored = await runEngine(world, { phase: 'restore' });
    expect(restored.outputs.verdict).toBe('restored');
    expect(world.changed()).toEqual(pinned);
    expect(world.lease()).toBeUndefined();
    expect(images(world)).toHaveLength(7);
    // And what was left can be taken up again.
    expect((await runEngine(world, { ...back, 'run-id': runId })).outputs.verdict).toBe('rolled-back');
    expectOldNodes(world);
  });

  test('keeps the size that a group has got since the run ended', async () => {
    const world = await shopWorld({ factor: 4 });
    const runId = (await runEngine(world)).outputs['run-id'] ?? '';
    world.cluster.aws.resize('shop-general', { desired: 5 });
    await world.clock.advance(120_000);
    const undo = await runEngine(world, { ...back, 'run-id': runId });
    expect(undo.failure).toBe('');
    expect(images(world)).toEqual(Array.from({ length: 8 }, () => oldImage));
    expect(world.changed()).toContain('desired of shop-general is 5, it was 4');
    expect(world.changed().filter((line) => !line.startsWith('launch of'))).toHaveLength(1);
  });

  test('points nothing elsewhere when every node ran what is launched now', async () => {
    const world = await shopWorld({ factor: 4 });
    await runEngine(world);
    const run = startEngine(world, { force: 'true' });
    await until(world, run, () => replacedLines(run) >= 2);
    run.kill();
    const undo = await runEngine(world, back);
    expect(undo.failure).toBe('');
    expect(undo.outputs.verdict).toBe('rolled-back');
    expect(undo.log).toContain(
      `shop-data launches from version 2 of launch template shop-data (${newImage}) already.`,
    );
    expect(world.changed()).toEqual([]);
    expect(world.lease()).toBeUndefined();
  });
});

describe('a rollback that cannot be is refused before anything is touched', () => {
  const rolled = async (options: WorldOptions = {}) => {
    const world = await shopWorld({ factor: 4, ...options });
    const run = await runEngine(world);
    return { world, inputs: { ...back, 'run-id': run.outputs['run-id'] ?? '' }, settings: world.changed() };
  };
  const refused = async (world: World, inputs: Record<string, string>): Promise<string> => {
    const changed = world.changed();
    const run = await runEngine(world, inputs);
    expect(run.writes()).toBe(0);
    expect(world.changed()).toEqual(changed);
    expect(world.lease()).toBeUndefined();
    return run.failure;
  };

  test('when the old template version is gone: it says how to make one like it', async () => {
    const { world, inputs } = await rolled();
    for (const template of world.cluster.aws.description.templates) delete template.versions[0];
    const failure = await refused(world, inputs);
    expect(failure).toMatch('cannot be rolled back, and nothing was touched');
    expect(failure).toMatch(
      `  - shop-general: version 1 of launch template shop-general, which its old nodes ran, is gone; they ran image ${oldImage}.`,
    );
    expect(failure).toMatch('  - shop-data: version 1');
    expect(failure).toMatch(
      'aws ec2 create-launch-template-version --launch-template-id lt-0general0000000000',
    );
  });

  test('when the version takes its image from a parameter that has moved on', async () => {
    const { world, inputs } = await rolled();
    const [template] = world.cluster.aws.description.templates;
    if (template) template.versions[0] = { imageId: newImage, instanceType: 'm5.large' };
    expect(await refused(world, inputs)).toMatch(
      `shop-general: version 1 of launch template shop-general launches ${newImage} now, but its old nodes ran ${oldImage}`,
    );
  });

  test('when the image of the old nodes is gone', async () => {
    const { world, inputs } = await rolled();
    const { description } = world.cluster.aws;
    description.images = description.images.filter((i) => i.id !== oldImage);
    const failure = await refused(world, inputs);
    expect(failure).toMatch(
      `shop-general: image ${oldImage}, which version 1 of launch template shop-general launches, is gone or not available.`,
    );
    expect(failure).toMatch(`aws ec2 restore-image-from-recycle-bin --image-id ${oldImage}`);
  });

  test('when somebody has changed what the group launches', async () => {
    const { world, inputs } = await rolled();
    const [template] = world.cluster.aws.description.templates;
    template?.versions.push({ imageId: 'ami-0ccccccccccccccccc', instanceType: 'm5.large' });
    const failure = await refused(world, inputs);
    expect(failure).toMatch('somebody has changed it since');
    expect(failure).toMatch(
      "aws autoscaling update-auto-scaling-group --auto-scaling-group-name shop-general --launch-template 'LaunchTemplateId=lt-0general0000000000,Version=1'",
    );
  });

  test('when the run is not named, unknown, or has touched nothing', async () => {
    const world = await shopWorld({ factor: 4 });
    expect(await refused(world, back)).toMatch('run-id: no run is unfinished');
    expect(await refused(world, { ...back, 'run-id': 'nope' })).toMatch(
      'there is no run nope; its journal would be ConfigMap kube-system/eks-rolling-nope',
    );
  });

  test('when Redis runs on nodes that would leave', async () => {
    const redis = '[{name: ledger, namespace: shop, kind: cluster, pods: app=ledger}]';
    const world = await shopWorld({ factor: 4, more: ledger });
    const prepared = await runEngine(world, { phase: 'prepare', redis });
    for (const name of ['ledger-0', 'ledger-1', 'ledger-2']) {
      world.cluster.registry.evict({ namespace: 'shop', name });
      await world.clock.advance(30_000);
    }
    const { 'run-id': runId = '', 'plan-digest': digest = '' } = prepared.outputs;
    const drain = { phase: 'drain', redis, 'run-id': runId, 'plan-digest': digest };
    expect((await runEngine(world, drain)).outputs.verdict).toBe('completed');
    const failure = await refused(world, { ...back, 'run-id': runId });
    expect(failure).toMatch(
      /shop-data: Redis runs on its new nodes \(shop\/ledger-0, .*\), and only migrate-redis/,
    );
    expect(failure).toMatch("--launch-template 'LaunchTemplateId=lt-0data0000000000000,Version=1'");
  });
});

describe('putting settings back', () => {
  test('twice in a row changes nothing the second time, and only drained members make a group smaller', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = startEngine(world);
    await until(world, run, () => replacedLines(run) >= 3);
    run.kill();
    const first = await runEngine(world, { phase: 'restore' });
    expect(first.outputs.verdict).toBe('restored');
    expect(world.changed()).toEqual([]);
    const nodes = names(world);
    for (const inputs of [
      { phase: 'restore' },
      { phase: 'restore', 'run-id': run.outputs['run-id'] ?? '' },
    ]) {
      const second = await runEngine(world, inputs);
      expect(second.failure).toBe('');
      expect(second.outputs.verdict).toBe('nothing-to-do');
      expect(second.writes()).toBe(0);
    }
    await world.clock.advance(600_000);
    // One had been told to terminate when the run was killed.
    expect(names(world).filter((name) => !nodes.includes(name))).toEqual([]);
    expect(images(world)).toHaveLength(7);
    const chosenByAws = [...world.cluster.aws.groups.values()].flatMap((g) =>
      g.activities.filter((a) => a.cause.includes('selected for termination')),
    );
    expect(chosenByAws).toEqual([]);
    expect(world.fewestReady('web')).toBeGreaterThanOrEqual(4);
  });

  test('killed after it took a new node away, can be followed by going on: another one is launched', async () => {
    const world = await shopWorld({ factor: 4 });
    const run = startEngine(world);
    await until(world, run, () => run.log.some((l) => l.startsWith('Launching ')));
    run.kill();
    await world.clock.advance(120_000);
    const restore = startEngine(world, { phase: 'restore' });
    await until(world, restore, () => replacedLines(restore) > 0);
    restore.kill();
    await world.clock.advance(120_000);
    const again = await runEngine(world);
    expect(again.failure).toBe('');
    expect(world.outdated()).toEqual([]);
    expect(world.changed()).toEqual([]);
  });
});
