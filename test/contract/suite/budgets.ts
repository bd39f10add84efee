import { describe, expect, test } from '@jest/globals';
import { budget, conditionOf, useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

const nowhere = { nodeSelector: { 'contract-nowhere': 'yes' } };

export function budgets(target: () => Target): void {
  describe('the status of a budget', () => {
    const space = useSpace(target);

    /** Waits until the controller has written these numbers. */
    const shows = (numbers: object, name = 'budget') =>
      space().soon(`the budget shows ${JSON.stringify(numbers)}`, async () => {
        const { metadata, status } = await space().get('poddisruptionbudgets', name);
        const seen = Object.entries(numbers).every(([key, value]) => status[key] === value);
        if (status.observedGeneration === metadata.generation && seen) return status;
        throw new Error(JSON.stringify(status));
      });

    /** Ready pods that a ReplicaSet takes over. */
    async function replicas(count: number): Promise<void> {
      const node = await space().silentNode();
      for (let i = 0; i < count; i++) await space().podOn(node, `web-${i}`);
      await space().make('replicasets', workload('web', count));
      await space().soon('the pods are adopted', async () => {
        const pods = await space().all('pods', 'app=web');
        return pods.every((p) => p.metadata.ownerReferences?.length === 1);
      });
    }

    test('with an integer minAvailable counts the pods that are there', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'a');
      await space().podOn(node, 'b');
      await space().podOn(node, 'c', { ready: false });
      await space().make('poddisruptionbudgets', budget('budget', 'web', { minAvailable: 1 }));
      await shows({ expectedPods: 3, currentHealthy: 2, desiredHealthy: 1, disruptionsAllowed: 1 });
    });

    test.each([
      [{ minAvailable: '50%' }, 5, 3, 2],
      [{ minAvailable: '30%' }, 4, 2, 2],
      [{ minAvailable: '100%' }, 3, 3, 0],
      [{ maxUnavailable: 1 }, 3, 2, 1],
      [{ maxUnavailable: '30%' }, 5, 3, 2],
      [{ maxUnavailable: '10%' }, 5, 4, 1],
      [{ maxUnavailable: 0 }, 2, 2, 0],
      [{ maxUnavailable: 5 }, 2, 0, 2],
    ])('rounds %j of %i replicas up: %i must be healthy', async (rest, count, desired, allowed) => {
      await replicas(count);
      await space().make('poddisruptionbudgets', budget('budget', 'web', rest));
      await shows({
        expectedPods: count,
        currentHealthy: count,
        desiredHealthy: desired,
        disruptionsAllowed: allowed,
      });
    });

    test('takes the expected pods from the scale of the Deployment, not from those that are there', async () => {
      await space().make('deployments', workload('web', 3, nowhere));
      await space().make('poddisruptionbudgets', budget('budget', 'web', { maxUnavailable: 1 }));
      await shows({ expectedPods: 3, currentHealthy: 0, desiredHealthy: 2, disruptionsAllowed: 0 });
      await space().patch('deployments', 'web', { spec: { replicas: 5 } });
      await shows({ expectedPods: 5, currentHealthy: 0, desiredHealthy: 4, disruptionsAllowed: 0 });
    });

    test('that selects nothing allows nothing', async () => {
      await space().make('poddisruptionbudgets', budget('budget', 'nobody', { maxUnavailable: 1 }));
      const status = await shows({ expectedPods: 0, disruptionsAllowed: 0 });
      expect(conditionOf({ status }, 'DisruptionAllowed')).toMatchObject({
        status: 'False',
        reason: 'InsufficientPods',
      });
    });

    test('says in its condition whether it allows one', async () => {
      await replicas(2);
      await space().make('poddisruptionbudgets', budget('budget', 'web', { maxUnavailable: 1 }));
      const status = await shows({ disruptionsAllowed: 1 });
      expect(conditionOf({ status }, 'DisruptionAllowed')).toMatchObject({
        status: 'True',
        reason: 'SufficientPods',
      });
    });

    test('counts a pod that is terminating or not ready as not healthy', async () => {
      await replicas(4);
      await space().make('poddisruptionbudgets', budget('budget', 'web', { maxUnavailable: 3 }));
      await shows({ currentHealthy: 4, disruptionsAllowed: 3 });
      await space().remove('pods', 'web-0');
      await shows({ currentHealthy: 3, disruptionsAllowed: 2 });
      await space().tellStatus('web-1', { ready: false });
      await shows({ currentHealthy: 2, disruptionsAllowed: 1 });
    });

    test('forgets an eviction once it sees the pod terminating', async () => {
      await replicas(3);
      await space().make('poddisruptionbudgets', budget('budget', 'web', { maxUnavailable: 2 }));
      await shows({ disruptionsAllowed: 2 });
      await space().evict('web-0');
      await space().soon('the pod is no longer listed as disrupted', async () => {
        const { status } = await space().get('poddisruptionbudgets', 'budget');
        return status.currentHealthy === 2 && Object.keys(status.disruptedPods ?? {}).length === 0;
      });
    });

    test('follows a change of the spec', async () => {
      await replicas(3);
      await space().make('poddisruptionbudgets', budget('budget', 'web', { maxUnavailable: 1 }));
      await shows({ disruptionsAllowed: 1 });
      await space().patch('poddisruptionbudgets', 'budget', { spec: { maxUnavailable: 0 } });
      await shows({ disruptionsAllowed: 0, observedGeneration: 2 });
    });

    test('cannot say both how many may be missing and how many must be there', async () => {
      const { status } = await space().post(
        'poddisruptionbudgets',
        budget('budget', 'web', { minAvailable: 1, maxUnavailable: 1 }),
      );
      expect(status).toBe(422);
    });
  });
}
