import { describe, expect, test } from '@jest/globals';
import { budget, conditionOf, podNamed, useSpace } from '../space.ts';
import type { Answer, Target } from '../target.ts';

export function eviction(target: () => Target): void {
  describe('eviction', () => {
    const space = useSpace(target);
    const leaving = async (name: string): Promise<boolean> =>
      (await space().get('pods', name))?.metadata.deletionTimestamp !== undefined;

    /** Pods with `app: web` on a silent node, some of them not ready. */
    async function pods(ready: string[], unready: string[] = []): Promise<void> {
      const node = await space().silentNode();
      for (const name of ready) await space().podOn(node, name);
      for (const name of unready) await space().podOn(node, name, { ready: false });
    }

    /** Makes a budget and waits until the controller counts as many healthy pods. */
    async function budgetSeeing(healthy: number, rest: object, name = 'budget'): Promise<void> {
      await space().make('poddisruptionbudgets', budget(name, 'web', rest));
      await space().soon(`the budget sees ${healthy} healthy pods`, async () => {
        const { metadata, status } = await space().get('poddisruptionbudgets', name);
        return status.observedGeneration === metadata.generation && status.currentHealthy === healthy;
      });
    }

    const full = (answer: Answer): void => {
      expect(answer.status).toBe(429);
      expect(answer.body.reason).toBe('TooManyRequests');
      expect(answer.body.details.causes[0].reason).toBe('DisruptionBudget');
    };

    test('without a budget is Created, and the pod gets its grace', async () => {
      await pods(['a']);
      const { status, body } = await space().evict('a');
      expect(status).toBe(201);
      expect(body).toMatchObject({ kind: 'Status', status: 'Success' });
      const { metadata } = await space().get('pods', 'a');
      expect(metadata.deletionTimestamp).toBeDefined();
      expect(metadata.deletionGracePeriodSeconds).toBe(30);
    });

    test('says on the pod why it goes', async () => {
      await pods(['a']);
      await space().evict('a');
      expect(conditionOf(await space().get('pods', 'a'), 'DisruptionTarget')).toMatchObject({
        status: 'True',
        reason: 'EvictionByEvictionAPI',
      });
    });

    test('can shorten the grace', async () => {
      await pods(['a']);
      await space().evict('a', { gracePeriodSeconds: 3 });
      expect((await space().get('pods', 'a')).metadata.deletionGracePeriodSeconds).toBe(3);
    });

    test('of a pod that is not there is NotFound', async () => {
      const { status, body } = await space().evict('none');
      expect(status).toBe(404);
      expect(body.reason).toBe('NotFound');
    });

    test('for another uid is a Conflict', async () => {
      await pods(['a']);
      const preconditions = { uid: '0f5a2c5e-0000-4000-8000-000000000000' };
      const { status, body } = await space().evict('a', { preconditions });
      expect(status).toBe(409);
      expect(body.reason).toBe('Conflict');
      expect(await leaving('a')).toBe(false);
    });

    test('in a dry run is Created and leaves the pod alone', async () => {
      await pods(['a', 'b']);
      await budgetSeeing(2, { minAvailable: 1 });
      expect((await space().evict('a', undefined, { dryRun: 'All' })).status).toBe(201);
      expect((await space().evict('a', { dryRun: ['All'] })).status).toBe(201);
      expect(await leaving('a')).toBe(false);
      expect((await space().get('poddisruptionbudgets', 'budget')).status.disruptionsAllowed).toBe(1);
    });

    test('in a dry run is refused by a full budget', async () => {
      await pods(['a']);
      await budgetSeeing(1, { minAvailable: 1 });
      full(await space().evict('a', { dryRun: ['All'] }));
    });

    test('uses the budget up, and the next one is told to come later', async () => {
      await pods(['a', 'b', 'c']);
      await budgetSeeing(3, { minAvailable: 2 });
      expect((await space().evict('a')).status).toBe(201);
      full(await space().evict('b'));
      expect(await leaving('b')).toBe(false);
    });

    test('of a pod that goes already is Created again, whatever the budget says', async () => {
      await pods(['a', 'b']);
      await budgetSeeing(2, { minAvailable: 1 });
      await space().evict('a');
      expect((await space().evict('a')).status).toBe(201);
    });

    test('with two budgets never succeeds', async () => {
      await pods(['a', 'b']);
      await budgetSeeing(2, { minAvailable: 0 }, 'one');
      await budgetSeeing(2, { minAvailable: 0 }, 'two');
      const { status, body } = await space().evict('a');
      expect(status).toBe(500);
      expect(body.message).toContain('more than one PodDisruptionBudget');
      expect(await leaving('a')).toBe(false);
    });

    test('does not ask the budget about a pod that has not started or has ended', async () => {
      const node = await space().silentNode();
      await space().make('pods', {
        ...podNamed('waiting', { nodeSelector: { 'contract-nowhere': 'yes' } }),
        metadata: { name: 'waiting', labels: { app: 'web' } },
      });
      await space().podOn(node, 'done', { phase: 'Succeeded' });
      await space().podOn(node, 'failed', { phase: 'Failed' });
      await budgetSeeing(0, { minAvailable: 3 });
      for (const name of ['waiting', 'done', 'failed']) {
        expect((await space().evict(name)).status).toBe(201);
        expect(await space().get('pods', name)).toBeUndefined();
      }
    });

    test('lets an unready pod go when enough others are healthy', async () => {
      await pods(['a', 'b'], ['sick']);
      await budgetSeeing(2, { minAvailable: 2 });
      expect((await space().evict('sick')).status).toBe(201);
      full(await space().evict('a'));
    });

    test('keeps an unready pod while too few are healthy, under IfHealthyBudget', async () => {
      await pods(['a'], ['sick']);
      await budgetSeeing(1, { minAvailable: 2, unhealthyPodEvictionPolicy: 'IfHealthyBudget' });
      full(await space().evict('sick'));
    });

    test('lets an unready pod go while too few are healthy, under AlwaysAllow', async () => {
      await pods(['a'], ['sick']);
      await budgetSeeing(1, { minAvailable: 2, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
      expect((await space().evict('sick')).status).toBe(201);
      full(await space().evict('a'));
    });

    test('of another name than the path says is a BadRequest', async () => {
      await pods(['a']);
      const { status } = await space().send('POST', 'pods', {
        name: 'a',
        subresource: 'eviction',
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: 'b', namespace: space().name },
        },
      });
      expect(status).toBe(400);
    });

    test("is answered by the product's client in its own words", async () => {
      await pods(['a', 'b']);
      await budgetSeeing(2, { minAvailable: 2 });
      const { uid } = (await space().get('pods', 'a')).metadata;
      const { kubernetes } = target();
      const pod = { namespace: space().name, name: 'a', uid };
      expect((await kubernetes.evict(pod)).kind).toBe('budget');
      expect((await kubernetes.evict({ ...pod, uid: '0f5a2c5e-0000-4000-8000-000000000000' })).kind).toBe(
        'budget',
      );
      expect((await kubernetes.evict({ ...pod, name: 'none' })).kind).toBe('gone');
      await space().remove('poddisruptionbudgets', 'budget');
      expect((await kubernetes.evict(pod, { dryRun: true })).kind).toBe('accepted');
      expect((await kubernetes.evict({ ...pod, uid: '0f5a2c5e-0000-4000-8000-000000000000' })).kind).toBe(
        'gone',
      );
      expect((await kubernetes.evict(pod)).kind).toBe('accepted');
    });
  });
}
