import { describe, expect, test } from '@jest/globals';
import type { Kubernetes } from '../../src/cluster/ports.ts';
import { openJournal } from '../../src/journal/config-map-journal.ts';
import { joinRun, type Run, unfinishedRun } from '../../src/journal/run.ts';
import { inProcessKubernetes } from '../../src/rehearsal/kubernetes/in-process.ts';
import { createStore } from '../../src/rehearsal/kubernetes/memory-store.ts';
import { Registry } from '../../src/rehearsal/kubernetes/registry.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';
import { Random } from '../../src/rehearsal/world/random.ts';

function world(): { clock: VirtualClock; kubernetes: Kubernetes } {
  const clock = new VirtualClock();
  const store = createStore({ clock, random: new Random(1) });
  if (!store.get('namespaces', { name: 'kube-system' }))
    store.create('namespaces', { metadata: { name: 'kube-system' } });
  return { clock, kubernetes: inProcessKubernetes(new Registry(store, clock)) };
}

/** A process that joins; `die` ends it without another word. */
function process(world: { clock: VirtualClock; kubernetes: Kubernetes }, caller: string, runId?: string) {
  let dead = false;
  const never = new Promise<never>(() => {});
  const clock = {
    now: () => world.clock.now(),
    sleep: (ms: number, signal?: AbortSignal) =>
      world.clock.sleep(ms, signal).then(() => (dead ? never : undefined)),
  };
  const stop = new AbortController();
  const said: string[] = [];
  const joined = joinRun({
    kubernetes: world.kubernetes,
    clock,
    signal: stop.signal,
    caller,
    say: (line) => void said.push(line),
    ...(runId ? { runId } : {}),
  });
  return {
    joined,
    said,
    die: () => {
      dead = true;
    },
  };
}
const join = async (w: ReturnType<typeof world>, caller: string, runId?: string): Promise<Run> =>
  w.clock.run(process(w, caller, runId).joined);
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => '',
    (error: Error) => error.message,
  );

describe('the lease of a cluster', () => {
  test('is held by one run from its first step to its last, and given back then', async () => {
    const w = world();
    const prepare = await join(w, 'prepare');
    const { runId } = prepare.journal;
    await w.clock.run(prepare.leave(false));
    expect(await unfinishedRun(w.kubernetes)).toBe(runId);
    const before = w.clock.now();
    const drain = await join(w, 'drain', runId);
    // A parked run is taken over at once.
    expect(w.clock.now()).toBe(before);
    expect(drain.resumed).toBe(false);
    await w.clock.run(drain.leave(true));
    expect(await unfinishedRun(w.kubernetes)).toBeUndefined();
  });

  test('is refused while another process lives, naming it', async () => {
    const w = world();
    const first = await join(w, 'octo/shop run 1');
    await w.clock.advance(60_000);
    expect(await w.clock.run(refusal(process(w, 'octo/shop run 2').joined))).toMatch(
      `Another run, ${first.journal.runId} (octo/shop run 1), is at work`,
    );
    await w.clock.run(first.leave(true));
  });

  test('of a killed process is adopted within 20 seconds, under the same run', async () => {
    const w = world();
    const first = process(w, 'killed');
    const run = await w.clock.run(first.joined);
    await run.journal.note('plan', 'the plan');
    first.die();
    await w.clock.advance(5000);
    const before = w.clock.now();
    const second = await join(w, 'again');
    expect(w.clock.now() - before).toBeLessThanOrEqual(20_000);
    expect(second.resumed).toBe(true);
    expect(second.journal.runId).toBe(run.journal.runId);
    expect(second.journal.noted('plan')).toBe('the plan');
    await w.clock.run(second.leave(true));
  });

  test('goes to one only, when two want to go on with the same run at the same moment', async () => {
    for (const end of ['parked', 'killed']) {
      const w = world();
      const first = process(w, end);
      const run = await w.clock.run(first.joined);
      if (end === 'killed') first.die();
      else await w.clock.run(run.leave(false));
      const both = Promise.allSettled([process(w, 'left').joined, process(w, 'right').joined]);
      const results = await w.clock.run(both);
      expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected']);
      const lost = results.find((r) => r.status === 'rejected');
      expect(String(lost?.reason)).toMatch(/left\).*(at the same moment|is at work)/);
    }
  });

  test('that was taken over stops the process that had it, which leaves the new holder alone', async () => {
    const w = world();
    const first = await join(w, 'frozen');
    // The lease as another process writes it, after the first one was frozen for longer than it lasts.
    const ref = { namespace: 'kube-system', name: 'eks-rolling' };
    const lease = await w.kubernetes.get('leases', ref);
    await w.kubernetes.update('leases', {
      ...lease!,
      metadata: {
        ...lease!.metadata,
        annotations: {
          ...lease!.metadata.annotations,
          'eks-rolling/process': 'x',
          'eks-rolling/caller': 'thaw',
        },
      },
    });
    await w.clock.advance(10_000);
    expect(first.signal.aborted).toBe(true);
    expect(first.signal.reason.message).toMatch('was taken by thaw');
    await w.clock.run(first.leave(true));
    expect(await unfinishedRun(w.kubernetes)).toBe(first.journal.runId);
  });

  test('is not given to a run that has ended, nor to one beside the unfinished one', async () => {
    const w = world();
    expect(await refusal(process(w, 'late', 'run-0').joined)).toMatch('Run run-0 is not unfinished');
    const first = await join(w, 'first');
    await w.clock.run(first.leave(false));
    expect(await refusal(process(w, 'other', 'run-0').joined)).toMatch(
      `Run ${first.journal.runId} (first) is unfinished and holds this cluster, so run run-0 cannot go on`,
    );
  });
});

describe('the journal of a run', () => {
  test('keeps the first value from before a change, across processes', async () => {
    const w = world();
    const first = await openJournal(w.kubernetes, w.clock, 'run-1');
    await first.before('group/a/max', 5);
    const second = await openJournal(w.kubernetes, w.clock, 'run-1');
    await second.before('group/a/max', 6);
    expect(second.valueBefore('group/a/max')).toBe(5);
    await second.restored('group/a/max');
    expect((await openJournal(w.kubernetes, w.clock, 'run-1')).outstanding()).toEqual([]);
  });

  test('loses nothing when two processes write at the same time', async () => {
    const w = world();
    const [one, two] = [
      await openJournal(w.kubernetes, w.clock, 'run-1'),
      await openJournal(w.kubernetes, w.clock, 'run-1'),
    ];
    await w.clock.run(
      Promise.all([one.before('a', 1), two.before('b', 2), one.note('n', true), two.note('m', null)]),
    );
    const read = await openJournal(w.kubernetes, w.clock, 'run-1');
    expect(
      read
        .outstanding()
        .map((e) => e.key)
        .sort(),
    ).toEqual(['a', 'b']);
    expect([read.noted('n'), read.noted('m')]).toEqual([true, null]);
  });

  test('lists what is outstanding by prefix, in the order of the changes', async () => {
    const w = world();
    const journal = await openJournal(w.kubernetes, w.clock, 'run-1');
    for (const key of ['group/b/max', 'deployment/x', 'group/a/max']) await journal.before(key, 1);
    expect(journal.outstanding('group/').map((e) => e.key)).toEqual(['group/b/max', 'group/a/max']);
  });

  test('says so when somebody deletes it during the run', async () => {
    const w = world();
    const journal = await openJournal(w.kubernetes, w.clock, 'run-1');
    await w.kubernetes.remove('configmaps', { namespace: 'kube-system', name: 'eks-rolling-run-1' });
    await expect(journal.before('a', 1)).rejects.toThrow(
      'ConfigMap kube-system/eks-rolling-run-1, was deleted',
    );
  });
});
