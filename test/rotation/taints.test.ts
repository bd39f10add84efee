import { describe, expect, test } from '@jest/globals';
import type { Node, Taint } from '../../src/cluster/objects.ts';
import { type Kubernetes, KubernetesError } from '../../src/cluster/ports.ts';
import type { Context } from '../../src/rotation/context.ts';
import { cordon, removeMarks, taint } from '../../src/rotation/taints.ts';
import { fakePods } from './fake-context.ts';
import { node } from './objects.ts';

const gpu: Taint = { key: 'gpu', effect: 'NoSchedule' };
const ours = (effect: Taint['effect'], value = 'run-1'): Taint => ({ key: 'eks-rolling', value, effect });

/** One node in a cluster where somebody else writes just before each of the first `conflicts` updates. */
function oneNode(taints: Taint[], conflicts = 0) {
  const fake = fakePods([]);
  let present: Node | undefined = node('n', { taints });
  let left = conflicts;
  const kubernetes: Partial<Kubernetes> = {
    get: async () => structuredClone(present) as never,
    list: async () => ({ items: structuredClone([present]) as never, resourceVersion: '1' }),
    async update(_, object) {
      if (left-- > 0) {
        present?.spec.taints?.push({ key: `other-${left}`, effect: 'NoSchedule' });
        throw new KubernetesError(409, 'Conflict', 'the object has been modified');
      }
      present = structuredClone(object) as Node;
      return object;
    },
  };
  const context: Context = { ...fake.context, kubernetes: kubernetes as Kubernetes };
  return {
    context,
    run: <T>(work: Promise<T>) => fake.clock.run(work),
    taints: () => present?.spec.taints,
    node: () => present,
    remove: () => {
      present = undefined;
    },
  };
}

describe('our taints', () => {
  test('leave the others on the node, also those set at the same moment', async () => {
    const n = oneNode([gpu], 2);
    await n.run(taint(n.context, ['n'], 'NoSchedule'));
    expect(n.taints()?.map((t) => t.key)).toEqual(['gpu', 'other-1', 'other-0', 'eks-rolling']);
  });

  test('are set once per effect, however often a resumed run asks', async () => {
    const n = oneNode([]);
    for (const effect of ['PreferNoSchedule', 'NoSchedule', 'NoSchedule'] as const)
      await n.run(taint(n.context, ['n'], effect));
    expect(n.taints()).toEqual([ours('PreferNoSchedule'), ours('NoSchedule')]);
  });

  test('do not need a node that is gone', async () => {
    const n = oneNode([]);
    n.remove();
    await n.run(taint(n.context, ['n'], 'NoSchedule'));
  });

  test('go with our cordon, and nobody else does', async () => {
    const n = oneNode([gpu, ours('NoSchedule', 'run-0')]);
    await n.run(taint(n.context, ['n'], 'NoSchedule'));
    await n.run(cordon(n.context, 'n'));
    expect(n.node()?.spec.unschedulable).toBe(true);
    expect(await n.run(removeMarks(n.context))).toEqual(['n']);
    expect(n.taints()).toEqual([gpu, ours('NoSchedule', 'run-0')]);
    expect(n.node()?.spec.unschedulable).toBeUndefined();
  });

  test('are removed without a cordon that was there before', async () => {
    const n = oneNode([]);
    n.node()!.spec.unschedulable = true;
    await n.run(cordon(n.context, 'n'));
    await n.run(removeMarks(n.context));
    expect(n.node()?.spec.unschedulable).toBe(true);
  });
});
