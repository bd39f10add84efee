import { describe, expect, test } from '@jest/globals';
import type { Pod, PodDisruptionBudget } from '../../src/cluster/objects.ts';
import { Allowance } from '../../src/rotation/allowance.ts';

const pod = (name: string, { app = 'web', ready = true } = {}): Pod =>
  ({
    metadata: { name, namespace: 'shop', labels: { app } },
    spec: { containers: [] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Pod;

const budget = (allowed: number | undefined, { app = 'web', generation = 1, observed = 1 } = {}) =>
  ({
    metadata: { name: app, namespace: 'shop', uid: app, generation },
    spec: { selector: { matchLabels: { app } } },
    status: { observedGeneration: observed, disruptionsAllowed: allowed },
  }) as unknown as PodDisruptionBudget;

const web = [pod('web-1'), pod('web-2'), pod('web-3')];
const asked = ({ ask }: { ask: Pod[] }) => ask.map((p) => p.metadata.name);

describe('of a budget', () => {
  test('as many pods are asked to leave as it allows', () => {
    const { ask, held } = new Allowance().split(web, [budget(2)], 0);
    expect(ask.map((p) => p.metadata.name)).toEqual(['web-1', 'web-2']);
    expect(held.map((h) => h.pod.metadata.name)).toEqual(['web-3']);
  });

  test('one is asked every 10 seconds when it allows none, because its status may be out of date', () => {
    const allowance = new Allowance();
    expect(asked(allowance.split(web, [budget(0)], 0))).toEqual(['web-1']);
    expect(asked(allowance.split(web, [budget(0)], 9999))).toEqual([]);
    expect(asked(allowance.split(web, [budget(0)], 10_000))).toEqual(['web-1']);
  });

  test('all are asked while its status says nothing, or is about an older budget', () => {
    expect(asked(new Allowance().split(web, [budget(undefined)], 0))).toHaveLength(3);
    expect(asked(new Allowance().split(web, [budget(0, { generation: 2 })], 0))).toHaveLength(3);
  });

  test('a pod that is not ready is asked, because the budget may let it go without room', () => {
    expect(asked(new Allowance().split([pod('web-1', { ready: false })], [budget(0)], 0))).toEqual(['web-1']);
  });
});

test('pods without a budget, and pods with several, are for the API server to judge', () => {
  const pods = [pod('cart', { app: 'cart' }), ...web];
  expect(asked(new Allowance().split(pods, [budget(0), budget(0)], 0))).toHaveLength(4);
  expect(asked(new Allowance().split(pods, [], 0))).toHaveLength(4);
});
