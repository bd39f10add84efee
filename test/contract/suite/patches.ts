import { describe, expect, test } from '@jest/globals';
import { useSpace } from '../space.ts';
import type { Target } from '../target.ts';

const mine = { key: 'example.com/mine', value: 'run-1', effect: 'PreferNoSchedule' };
const theirs = { key: 'example.com/theirs', effect: 'NoSchedule' };

export function patches(target: () => Target): void {
  describe('the patch types', () => {
    const space = useSpace(target);

    /** Nodes get taints of their own from the control plane; the cases speak of theirs. */
    const taintsOf = (node: { spec: { taints?: { key: string }[] } }) =>
      (node.spec.taints ?? []).filter((t) => t.key.startsWith('example.com/'));

    async function tainted(...taints: object[]): Promise<string> {
      const name = await space().silentNode();
      expect((await space().patch('nodes', name, { spec: { taints } })).status).toBe(200);
      return name;
    }

    test('a merge patch replaces the list of taints', async () => {
      const name = await tainted(theirs);
      const { status, body } = await space().patch('nodes', name, { spec: { taints: [mine] } });
      expect(status).toBe(200);
      expect(taintsOf(body)).toEqual([mine]);
    });

    test('a strategic merge patch replaces the list of taints too, because it has no merge key', async () => {
      const name = await tainted(theirs);
      const { status, body } = await space().strategic('nodes', name, { spec: { taints: [mine] } });
      expect(status).toBe(200);
      expect(taintsOf(body)).toEqual([mine]);
    });

    test('a merge patch with null takes a field away', async () => {
      const name = await space().silentNode({ a: '1', b: '2' });
      const { body } = await space().patch('nodes', name, { metadata: { labels: { a: null } } });
      expect(body.metadata.labels.a).toBeUndefined();
      expect(body.metadata.labels.b).toBe('2');
    });

    test('a JSON patch adds to the end of the list', async () => {
      const name = await tainted(theirs);
      const { status, body } = await space().json('nodes', name, [
        { op: 'add', path: '/spec/taints/-', value: mine },
      ]);
      expect(status).toBe(200);
      expect(taintsOf(body)).toEqual([theirs, mine]);
    });

    test('a JSON patch whose test does not hold is Invalid and changes nothing', async () => {
      const name = await tainted(theirs);
      const answer = await space().json('nodes', name, [
        { op: 'test', path: '/metadata/name', value: 'another' },
        { op: 'remove', path: '/spec/taints' },
      ]);
      expect(answer.status).toBe(422);
      expect(answer.body.reason).toBe('Invalid');
      expect(taintsOf(await space().get('nodes', name))).toEqual([theirs]);
    });

    test('a JSON patch that removes what is not there is Invalid', async () => {
      const name = await space().silentNode();
      const answer = await space().json('nodes', name, [
        { op: 'remove', path: '/metadata/annotations/none' },
      ]);
      expect(answer.status).toBe(422);
    });

    test('a JSON patch whose resourceVersion test holds is taken', async () => {
      const made = await space().make('configmaps', { metadata: { name: 'a' }, data: { n: '0' } });
      const { status, body } = await space().json('configmaps', 'a', [
        { op: 'test', path: '/metadata/resourceVersion', value: made.metadata.resourceVersion },
        { op: 'replace', path: '/data/n', value: '1' },
      ]);
      expect(status).toBe(200);
      expect(body.data).toEqual({ n: '1' });
    });

    test('a strategic merge patch joins containers by name', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'web', {
        spec: {
          containers: [
            { name: 'main', image: 'one' },
            { name: 'side', image: 'two' },
          ],
        },
      });
      const { status, body } = await space().strategic('pods', 'web', {
        spec: { containers: [{ name: 'main', image: 'three' }] },
      });
      expect(status).toBe(200);
      expect(body.spec.containers.map((c: { image: string }) => c.image).sort()).toEqual(['three', 'two']);
    });

    test('a strategic merge patch joins the finalizers', async () => {
      await space().make('configmaps', { metadata: { name: 'a', finalizers: ['example.com/one'] } });
      const { body } = await space().strategic('configmaps', 'a', {
        metadata: { finalizers: ['example.com/two'] },
      });
      expect([...body.metadata.finalizers].sort()).toEqual(['example.com/one', 'example.com/two']);
      await space().patch('configmaps', 'a', { metadata: { finalizers: null } });
    });

    test('any other content type is unsupported', async () => {
      await space().make('configmaps', { metadata: { name: 'a' } });
      const answer = await space().send('PATCH', 'configmaps', {
        name: 'a',
        body: {},
        contentType: 'application/json',
      });
      expect(answer.status).toBe(415);
      expect(answer.body.reason).toBe('UnsupportedMediaType');
    });

    test('two taints with the same key and effect are Invalid', async () => {
      const name = await space().silentNode();
      const answer = await space().patch('nodes', name, { spec: { taints: [theirs, theirs] } });
      expect(answer.status).toBe(422);
      expect(answer.body.details.causes[0].reason).toBe('FieldValueDuplicate');
    });
  });
}
