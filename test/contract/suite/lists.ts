import { describe, expect, test } from '@jest/globals';
import { named, useSpace } from '../space.ts';
import type { Target } from '../target.ts';

export function lists(target: () => Target): void {
  describe('lists', () => {
    const space = useSpace(target);
    const five = async () => {
      for (const [i, name] of ['a', 'b', 'c', 'd', 'e'].entries())
        await space().make('leases', {
          metadata: { name, labels: { parity: i % 2 ? 'odd' : 'even', [`is-${name}`]: 'yes' } },
        });
    };

    test('come in the order of names, with a version that is not before any item', async () => {
      await five();
      const { status, body } = await space().list('leases');
      expect(status).toBe(200);
      expect(body).toMatchObject({ kind: 'LeaseList', apiVersion: 'coordination.k8s.io/v1' });
      expect(named(body.items)).toEqual(['a', 'b', 'c', 'd', 'e']);
      const version = BigInt(body.metadata.resourceVersion);
      for (const item of body.items) expect(version >= BigInt(item.metadata.resourceVersion)).toBe(true);
    });

    test('leave kind and apiVersion out of their items', async () => {
      await five();
      const { body } = await space().list('leases');
      expect(body.items[0].kind).toBeUndefined();
      expect(body.items[0].apiVersion).toBeUndefined();
    });

    test('come in pages of one moment, whatever is written meanwhile', async () => {
      await five();
      const first = (await space().list('leases', { limit: '2' })).body;
      expect(named(first.items)).toEqual(['a', 'b']);
      expect(first.metadata.remainingItemCount).toBe(3);
      await space().make('leases', { metadata: { name: 'bb' } });
      await space().remove('leases', 'a');
      const second = (await space().list('leases', { limit: '2', continue: first.metadata.continue })).body;
      expect(named(second.items)).toEqual(['c', 'd']);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      const third = (await space().list('leases', { limit: '2', continue: second.metadata.continue })).body;
      expect(named(third.items)).toEqual(['e']);
      expect(third.metadata.continue ?? '').toBe('');
    });

    test('refuse a continue token that was never given', async () => {
      const { status, body } = await space().list('leases', { limit: '2', continue: 'nonsense' });
      expect(status).toBe(400);
      expect(body.reason).toBe('BadRequest');
    });

    test.each([
      ['parity=odd', ['b', 'd']],
      ['parity==even', ['a', 'c', 'e']],
      ['parity!=even', ['b', 'd']],
      ['parity in (odd,none)', ['b', 'd']],
      ['parity notin (odd)', ['a', 'c', 'e']],
      ['is-a', ['a']],
      ['!is-a,parity=even', ['c', 'e']],
    ])('select by labels: %s', async (labelSelector, expected) => {
      await five();
      expect(named((await space().list('leases', { labelSelector })).body.items)).toEqual(expected);
    });

    test('refuse a label selector that cannot be read', async () => {
      const { status, body } = await space().list('leases', { labelSelector: 'parity in odd' });
      expect(status).toBe(400);
      expect(body.reason).toBe('BadRequest');
    });

    test('select pods by node and phase', async () => {
      const [one, two] = [await space().silentNode(), await space().silentNode()];
      await space().podOn(one, 'a');
      await space().podOn(two, 'b');
      await space().podOn(one, 'c', { phase: 'Succeeded' });
      const select = async (fieldSelector: string) =>
        named((await space().list('pods', { fieldSelector })).body.items);
      expect(await select(`spec.nodeName=${one}`)).toEqual(['a', 'c']);
      expect(await select(`spec.nodeName=${one},status.phase!=Succeeded`)).toEqual(['a']);
      expect(await select('metadata.name=b')).toEqual(['b']);
    });

    test('refuse a field that cannot be selected by', async () => {
      const { status, body } = await space().list('leases', { fieldSelector: 'spec.holderIdentity=me' });
      expect(status).toBe(400);
      expect(body.reason).toBe('BadRequest');
    });

    test('of a namespace that does not exist are empty', async () => {
      const { status, body } = await target().request('GET', '/api/v1/namespaces/never-made/pods');
      expect(status).toBe(200);
      expect(body.items).toEqual([]);
    });

    test('over all namespaces have the items of every namespace', async () => {
      await space().make('leases', { metadata: { name: space().name } });
      const { body } = await target().request('GET', '/apis/coordination.k8s.io/v1/leases', {
        query: { fieldSelector: `metadata.name=${space().name}` },
      });
      expect(body.items.map((i: { metadata: { namespace: string } }) => i.metadata.namespace)).toEqual([
        space().name,
      ]);
    });
  });
}
