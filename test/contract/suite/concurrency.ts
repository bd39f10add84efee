import { describe, expect, test } from '@jest/globals';
import { useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

export function concurrency(target: () => Target): void {
  describe('optimistic concurrency', () => {
    const space = useSpace(target);
    const make = () => space().make('configmaps', { metadata: { name: 'a' }, data: { n: '0' } });
    const change = (n: string) => space().patch('configmaps', 'a', { data: { n } });

    test('a PUT with a stale resourceVersion is refused as a Conflict', async () => {
      const first = await make();
      await change('1');
      const answer = await space().put('configmaps', { ...first, data: { n: '2' } });
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'Conflict', code: 409 });
      expect((await space().get('configmaps', 'a')).data.n).toBe('1');
    });

    test('a PUT with the present resourceVersion is taken and gives a new one', async () => {
      const first = await make();
      const answer = await space().put('configmaps', { ...first, data: { n: '1' } });
      expect(answer.status).toBe(200);
      expect(answer.body.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
      expect(answer.body.metadata.uid).toBe(first.metadata.uid);
    });

    test('a PUT without a resourceVersion replaces whatever is there', async () => {
      await make();
      await change('1');
      const answer = await space().put('configmaps', {
        metadata: { name: 'a' },
        data: { other: '2' },
      } as never);
      expect(answer.status).toBe(200);
      expect(answer.body.data).toEqual({ other: '2' });
    });

    test('a PUT that changes nothing keeps the resourceVersion', async () => {
      const first = await make();
      const answer = await space().put('configmaps', first);
      expect(answer.status).toBe(200);
      expect(answer.body.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    test('a PATCH that names a stale resourceVersion is refused as a Conflict', async () => {
      const { metadata } = await make();
      await change('1');
      const answer = await space().patch('configmaps', 'a', {
        metadata: { resourceVersion: metadata.resourceVersion },
        data: { n: '2' },
      });
      expect(answer.status).toBe(409);
      expect(answer.body.reason).toBe('Conflict');
    });

    test('a PATCH that names none applies to whatever is there', async () => {
      await make();
      await change('1');
      const answer = await space().patch('configmaps', 'a', { data: { other: '2' } });
      expect(answer.body.data).toEqual({ n: '1', other: '2' });
    });

    test('a PUT for another uid is refused as a Conflict', async () => {
      const first = await make();
      await space().remove('configmaps', 'a');
      await make();
      const { resourceVersion: _, ...metadata } = first.metadata;
      const answer = await space().put('configmaps', { ...first, metadata });
      expect(answer.status).toBe(409);
    });

    test('a PUT or PATCH of what is not there is NotFound', async () => {
      expect((await space().put('configmaps', { metadata: { name: 'none' } })).status).toBe(404);
      const answer = await space().patch('configmaps', 'none', { data: {} });
      expect(answer.status).toBe(404);
      expect(answer.body.reason).toBe('NotFound');
    });

    test('a change of the spec counts the generation up, a change of labels or status does not', async () => {
      const made = await space().make('deployments', workload('web', 0));
      expect(made.metadata.generation).toBe(1);
      const labelled = await space().patch('deployments', 'web', { metadata: { labels: { a: 'b' } } });
      expect(labelled.body.metadata.generation).toBe(1);
      const scaled = await space().patch('deployments', 'web', { spec: { paused: true } });
      expect(scaled.body.metadata.generation).toBe(2);
    });

    test('the status is written through its own subresource only', async () => {
      const node = await space().silentNode();
      const pod = await space().podOn(node, 'web', { ready: true });
      const answer = await space().patch('pods', 'web', { status: { phase: 'Failed' } });
      expect(answer.status).toBe(200);
      expect(answer.body.status.phase).toBe('Running');
      const status = await space().patch('pods', 'web', { status: { message: 'told' } }, 'status');
      expect(status.body.status.message).toBe('told');
      expect(status.body.metadata.uid).toBe(pod.metadata.uid);
    });
  });
}
