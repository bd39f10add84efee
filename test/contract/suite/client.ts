import { describe, expect, test } from '@jest/globals';
import type { ConfigMap } from '../../../src/cluster/objects.ts';
import { type Kubernetes, KubernetesError, type WatchEvent } from '../../../src/cluster/ports.ts';
import { useSpace } from '../space.ts';
import type { Target } from '../target.ts';

const another = '0f5a2c5e-0000-4000-8000-000000000000';
const limitMs = 20_000;

export function client(target: () => Target): void {
  describe("the product's client", () => {
    const space = useSpace(target);
    const kubernetes = (): Kubernetes => target().kubernetes;
    const ref = (name: string) => ({ namespace: space().name, name });
    const make = (name: string, data: Record<string, string> = {}) =>
      kubernetes().create('configmaps', { metadata: { ...ref(name), labels: { case: 'client' } }, data });
    const refusal = (call: Promise<unknown>): Promise<KubernetesError> =>
      call.then(
        () => {
          throw new Error('It was not refused.');
        },
        (error: unknown) => {
          if (error instanceof KubernetesError) return error;
          throw error;
        },
      );

    test('gets nothing for what is not there', async () => {
      expect(await kubernetes().get('configmaps', ref('none'))).toBeUndefined();
      expect((await kubernetes().get('namespaces', { name: space().name }))?.status?.phase).toBe('Active');
    });

    test('lists items with their kind, and a version to watch from', async () => {
      await make('a');
      const { items, resourceVersion } = await kubernetes().list('configmaps', {
        namespace: space().name,
        labelSelector: 'case=client',
      });
      expect(items).toHaveLength(1);
      expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
      expect(resourceVersion).toMatch(/^\d+$/);
    });

    test('says why a write was refused', async () => {
      const made = await make('a');
      expect(await refusal(make('a'))).toMatchObject({ status: 409, reason: 'AlreadyExists' });
      await kubernetes().update('configmaps', { ...made, data: { n: '1' } });
      const late = kubernetes().update('configmaps', { ...made, data: { n: '2' } });
      expect(await refusal(late)).toMatchObject({ status: 409, reason: 'Conflict' });
      const body = [{ op: 'test', path: '/data/n', value: '0' }];
      const patched = kubernetes().patch('configmaps', ref('a'), { type: 'json', body });
      expect(await refusal(patched)).toMatchObject({ status: 422, reason: 'Invalid' });
    });

    test('removes only the object that was meant', async () => {
      const { metadata } = await make('a');
      const { uid = '', resourceVersion = '' } = metadata;
      expect(await kubernetes().remove('configmaps', ref('a'), { uid: another })).toBe(false);
      await kubernetes().patch('configmaps', ref('a'), { type: 'merge', body: { data: { n: '1' } } });
      const stale = kubernetes().remove('configmaps', ref('a'), { uid, resourceVersion });
      expect(await refusal(stale)).toMatchObject({ status: 409 });
      expect(await kubernetes().remove('configmaps', ref('a'), { uid })).toBe(true);
      expect(await kubernetes().remove('configmaps', ref('a'), { uid })).toBe(false);
    });

    test('watches what is there and what changes', async () => {
      await make('a');
      const ended = new AbortController();
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(limitMs)]);
      const query = { namespace: space().name, labelSelector: 'case=client' };
      const seen: string[] = [];
      const next = async (events: AsyncIterator<WatchEvent<ConfigMap>>) => {
        const { value } = await events.next();
        seen.push(`${value.type} ${value.object.metadata.name}`);
      };
      const events = kubernetes().watch('configmaps', query, signal)[Symbol.asyncIterator]();
      await next(events);
      await make('b');
      await next(events);
      await kubernetes().patch('configmaps', ref('a'), { type: 'merge', body: { data: { n: '1' } } });
      await next(events);
      await kubernetes().remove('configmaps', ref('b'));
      await next(events);
      ended.abort();
      expect(seen).toEqual(['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
    });

    test('patches the taints of a node without touching those of others', async () => {
      const node = await space().silentNode();
      const theirs = { key: 'example.com/theirs', effect: 'NoSchedule' as const };
      const ours = { key: 'example.com/ours', value: 'run-1', effect: 'NoSchedule' as const };
      await kubernetes().patch(
        'nodes',
        { name: node },
        { type: 'merge', body: { spec: { taints: [theirs] } } },
      );
      // The control plane writes to a new Node, too.
      const metadata = await space().soon('the taint is added to what was read', async () => {
        const read = (await kubernetes().get('nodes', { name: node }))!;
        const { resourceVersion } = read.metadata;
        const taints = [...(read.spec.taints ?? []), ours];
        const body = { metadata: { resourceVersion }, spec: { taints } };
        await kubernetes().patch('nodes', { name: node }, { type: 'merge', body });
        return read.metadata;
      });
      const again = kubernetes().patch(
        'nodes',
        { name: node },
        {
          type: 'merge',
          body: { metadata: { resourceVersion: metadata.resourceVersion }, spec: { taints: [ours] } },
        },
      );
      expect(await refusal(again)).toMatchObject({ status: 409, reason: 'Conflict' });
      const keys = (await kubernetes().get('nodes', { name: node }))?.spec.taints?.map((t) => t.key);
      expect(keys).toEqual(expect.arrayContaining(['example.com/theirs', 'example.com/ours']));
    });
  });
}
