import { describe, expect, test } from '@jest/globals';
import { podNamed, useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

const nowhere = { nodeSelector: { 'contract-nowhere': 'yes' } };

export function deletion(target: () => Target): void {
  describe('deletion', () => {
    const space = useSpace(target);

    test('of a pod gives it its grace, and leaves the rest to the kubelet', async () => {
      await space().podOn(await space().silentNode(), 'web');
      const { status, body } = await space().remove('pods', 'web');
      expect(status).toBe(200);
      expect(body.metadata.deletionGracePeriodSeconds).toBe(30);
      expect(Date.parse(body.metadata.deletionTimestamp)).toBeGreaterThan(
        Date.parse(body.metadata.creationTimestamp) + 29_000,
      );
      expect(await space().get('pods', 'web')).toBeDefined();
    });

    test('a second time may only bring the end nearer', async () => {
      await space().podOn(await space().silentNode(), 'web');
      const graceAfter = async (gracePeriodSeconds?: number) => {
        await space().remove('pods', 'web', gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds });
        return (await space().get('pods', 'web')).metadata.deletionGracePeriodSeconds;
      };
      expect(await graceAfter(20)).toBe(20);
      expect(await graceAfter(25)).toBe(20);
      expect(await graceAfter()).toBe(20);
      expect(await graceAfter(5)).toBe(5);
    });

    test('with grace 0 removes a pod at once', async () => {
      await space().podOn(await space().silentNode(), 'web');
      expect((await space().remove('pods', 'web', { gracePeriodSeconds: 0 })).status).toBe(200);
      expect(await space().get('pods', 'web')).toBeUndefined();
    });

    test('of a pod that has no node yet, or has ended, happens at once', async () => {
      await space().make('pods', podNamed('waiting', nowhere));
      await space().podOn(await space().silentNode(), 'done', { phase: 'Succeeded' });
      for (const name of ['waiting', 'done']) {
        await space().remove('pods', name);
        expect(await space().get('pods', name)).toBeUndefined();
      }
    });

    test('for another uid or version is refused as a Conflict', async () => {
      const { metadata } = await space().make('configmaps', { metadata: { name: 'a' } });
      for (const preconditions of [
        { uid: '0f5a2c5e-0000-4000-8000-000000000000' },
        { resourceVersion: '1' },
      ]) {
        const { status, body } = await space().remove('configmaps', 'a', { preconditions });
        expect(status).toBe(409);
        expect(body.reason).toBe('Conflict');
      }
      const answer = await space().remove('configmaps', 'a', { preconditions: { uid: metadata.uid } });
      expect(answer.status).toBe(200);
      expect(await space().get('configmaps', 'a')).toBeUndefined();
    });

    test('of what is not there is NotFound', async () => {
      const { status, body } = await space().remove('configmaps', 'none');
      expect(status).toBe(404);
      expect(body.reason).toBe('NotFound');
    });

    test('waits for the finalizers', async () => {
      await space().make('configmaps', { metadata: { name: 'a', finalizers: ['example.com/hold'] } });
      expect((await space().remove('configmaps', 'a')).status).toBe(200);
      const held = await space().get('configmaps', 'a');
      expect(held.metadata.deletionTimestamp).toBeDefined();
      const added = await space().patch('configmaps', 'a', {
        metadata: { finalizers: ['example.com/hold', 'example.com/more'] },
      });
      expect(added.status).toBe(422);
      await space().patch('configmaps', 'a', { metadata: { finalizers: null } });
      expect(await space().get('configmaps', 'a')).toBeUndefined();
    });

    test('of a pod waits for its finalizers even after its grace', async () => {
      await space().podOn(await space().silentNode(), 'web', { finalizers: ['example.com/hold'] });
      await space().remove('pods', 'web', { gracePeriodSeconds: 0 });
      const held = await space().get('pods', 'web');
      expect(held.metadata).toMatchObject({ deletionGracePeriodSeconds: 0 });
      expect(held.metadata.deletionTimestamp).toBeDefined();
      await space().patch('pods', 'web', { metadata: { finalizers: null } });
      expect(await space().get('pods', 'web')).toBeUndefined();
    });

    test('cannot be taken back', async () => {
      await space().podOn(await space().silentNode(), 'web');
      await space().remove('pods', 'web');
      await space().patch('pods', 'web', { metadata: { deletionTimestamp: null } });
      expect((await space().get('pods', 'web')).metadata.deletionTimestamp).toBeDefined();
    });

    describe('of a Deployment', () => {
      async function deployed(): Promise<{ set: string; pod: string }> {
        await space().make('deployments', workload('web', 1, nowhere));
        const [set] = await space().soon('a ReplicaSet', async () => {
          const sets = await space().all('replicasets', 'app=web');
          return sets.length === 1 && sets;
        });
        const [pod] = await space().soon('a pod', async () => {
          const pods = await space().all('pods', 'app=web');
          return pods.length === 1 && pods;
        });
        return { set: set.metadata.name, pod: pod.metadata.name };
      }

      test('in the background takes its ReplicaSets and pods along afterwards', async () => {
        const { set, pod } = await deployed();
        await space().remove('deployments', 'web', { propagationPolicy: 'Background' });
        expect(await space().get('deployments', 'web')).toBeUndefined();
        await space().gone('replicasets', set);
        await space().gone('pods', pod);
      });

      test('in the foreground waits for what it owns', async () => {
        const { set, pod } = await deployed();
        await space().patch('replicasets', set, { metadata: { finalizers: ['example.com/hold'] } });
        await space().remove('deployments', 'web', { propagationPolicy: 'Foreground' });
        const held = await space().get('deployments', 'web');
        expect(held.metadata.deletionTimestamp).toBeDefined();
        expect(held.metadata.finalizers).toEqual(['foregroundDeletion']);
        await space().gone('pods', pod);
        await space().soon('the ReplicaSet is being deleted', async () => {
          const { metadata } = await space().get('replicasets', set);
          return metadata.deletionTimestamp;
        });
        expect(await space().get('deployments', 'web')).toBeDefined();
        await space().json('replicasets', set, [{ op: 'remove', path: '/metadata/finalizers' }]);
        await space().gone('replicasets', set);
        await space().gone('deployments', 'web');
      });

      test('can leave its ReplicaSets as orphans, which the next Deployment of that kind adopts', async () => {
        const { set, pod } = await deployed();
        await space().remove('deployments', 'web', { propagationPolicy: 'Orphan' });
        await space().gone('deployments', 'web');
        const orphan = await space().get('replicasets', set);
        expect(orphan.metadata.ownerReferences ?? []).toEqual([]);
        expect(orphan.metadata.deletionTimestamp).toBeUndefined();

        const again = await space().make('deployments', workload('web', 1, nowhere));
        await space().soon('the orphan is adopted', async () => {
          const { metadata } = await space().get('replicasets', set);
          return metadata.ownerReferences?.[0]?.uid === again.metadata.uid;
        });
        expect(await space().all('replicasets', 'app=web')).toHaveLength(1);
        expect(await space().get('pods', pod)).toBeDefined();
      });
    });

    test('of a namespace removes what is in it first, and nothing new is let in meanwhile', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'web');
      await space().make('configmaps', { metadata: { name: 'a', finalizers: ['example.com/hold'] } });
      await space().remove('namespaces', space().name);
      await space().soon('the namespace is Terminating', async () => {
        const { status } = await space().get('namespaces', space().name);
        return status.phase === 'Terminating';
      });
      const late = await space().post('configmaps', { metadata: { name: 'late' } });
      expect(late.status).toBe(403);
      expect(late.body.details.causes[0].reason).toBe('NamespaceTerminating');
      const evicted = await space().evict('web');
      expect(evicted.status).toBe(403);
      expect(evicted.body.details.causes[0].reason).toBe('NamespaceTerminating');
      await space().soon('the pod is being deleted', async () => {
        const { metadata } = await space().get('pods', 'web');
        return metadata.deletionTimestamp;
      });
      await space().remove('pods', 'web', { gracePeriodSeconds: 0 });
      await space().patch('configmaps', 'a', { metadata: { finalizers: null } });
      await space().gone('namespaces', space().name);
    });
  });
}
