import { describe, expect, test } from '@jest/globals';
import { budgetsOf, steadyAllowance } from '../../src/cluster/budgets.ts';
import type { PodDisruptionBudget } from '../../src/cluster/objects.ts';
import { budget, pod } from '../rotation/objects.ts';

describe('what a budget allows when every pod is healthy', () => {
  test.each<[PodDisruptionBudget['spec'], number, number]>([
    [{ minAvailable: 1 }, 1, 0],
    [{ minAvailable: 1 }, 2, 1],
    [{ minAvailable: 3 }, 2, -1],
    [{ minAvailable: '50%' }, 3, 1],
    [{ minAvailable: '100%' }, 4, 0],
    [{ maxUnavailable: 0 }, 5, 0],
    [{ maxUnavailable: 1 }, 1, 1],
    // Percentages round up for maxUnavailable too, so 1 % of anything allows one.
    [{ maxUnavailable: '1%' }, 3, 1],
    [{ maxUnavailable: '34%' }, 3, 2],
    [{}, 3, 3],
  ])('%j of %i replicas allows %i', (spec, scale, allowed) => {
    expect(steadyAllowance(budget('web', spec), scale)).toBe(allowed);
  });
});

describe('which budgets hold a pod', () => {
  test('those of its namespace that select its labels', () => {
    const elsewhere = { ...budget('web', {}), metadata: { name: 'web', namespace: 'other' } };
    expect(budgetsOf(pod('web-1'), [budget('web', {}), budget('api', {}), elsewhere])).toHaveLength(1);
  });

  test('an empty selector selects every pod, a missing one none', () => {
    const all = { ...budget('x', {}), spec: { selector: {} } };
    const none = { ...budget('x', {}), spec: {} };
    expect(budgetsOf(pod('web-1'), [all, none])).toEqual([all]);
  });
});
