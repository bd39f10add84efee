import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isReady, named, podNamed, unique, useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

const gate = 'example.com/open';

export function replicaSets(target: () => Target): void {
  describe('ReplicaSets', () => {
    const space = useSpace(target);

    test('adopt the pods that they select and nobody owns', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'found');
      const set = await space().make('replicasets', workload('web', 1));
      await space().soon('the pod is owned', async () => {
        const { metadata } = await space().get('pods', 'found');
        return metadata.ownerReferences?.[0]?.uid === set.metadata.uid;
      });
      const { ownerReferences } = (await space().get('pods', 'found')).metadata;
      expect(ownerReferences[0]).toMatchObject({ kind: 'ReplicaSet', name: 'web', controller: true });
      await space().soon('it is counted', async () => {
        const { status } = await space().get('replicasets', 'web');
        return status.replicas === 1 && status.readyReplicas === 1;
      });
      expect(await space().all('pods', 'app=web')).toHaveLength(1);
    });

    test('let a pod go whose labels no longer match, and make another one', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'found');
      await space().make('replicasets', workload('web', 1, { nodeSelector: { 'contract-nowhere': 'yes' } }));
      await space().soon('the pod is owned', async () => {
        const { metadata } = await space().get('pods', 'found');
        return metadata.ownerReferences?.length === 1;
      });
      await space().patch('pods', 'found', { metadata: { labels: { app: 'set-apart' } } });
      await space().soon(
        'another pod is there',
        async () => (await space().all('pods', 'app=web')).length === 1,
      );
      await space().soon("the pod is nobody's", async () => {
        const { metadata } = await space().get('pods', 'found');
        return (metadata.ownerReferences ?? []).length === 0;
      });
    });

    test('take a surplus pod that nobody owned away', async () => {
      await space().make('replicasets', workload('web', 0));
      await space().make('pods', {
        ...podNamed('surplus', { nodeSelector: { 'contract-nowhere': 'yes' } }),
        metadata: { name: 'surplus', labels: { app: 'web' } },
      });
      await space().gone('pods', 'surplus');
    });

    test('take the cheapest of the ready pods away', async () => {
      const node = await space().silentNode();
      const cost = (of: string) => ({ 'controller.kubernetes.io/pod-deletion-cost': of });
      await space().podOn(node, 'dear', { annotations: cost('10') });
      await space().podOn(node, 'cheap', { annotations: cost('-10') });
      await space().podOn(node, 'plain');
      await space().make('replicasets', workload('web', 3));
      await space().soon('the pods are counted as ready', async () => {
        const { status } = await space().get('replicasets', 'web');
        return status?.readyReplicas === 3;
      });
      await space().patch('replicasets', 'web', { spec: { replicas: 2 } });
      await space().soon('the cheap one is leaving', async () => {
        const { metadata } = await space().get('pods', 'cheap');
        return metadata.deletionTimestamp;
      });
      for (const name of ['dear', 'plain'])
        expect((await space().get('pods', name)).metadata.deletionTimestamp).toBeUndefined();
    });

    describe('scaling down', () => {
      const mine = unique();
      const nodes: string[] = [];
      beforeAll(async () => {
        for (const zone of ['a', 'b'])
          nodes.push(await target().boot({ zone, labels: { 'contract-replicasets': mine } }));
      });
      afterAll(async () => {
        for (const node of nodes) await target().halt(node, { gone: true });
      });

      /** One pod per node, each behind a readiness gate that is open. */
      async function apart(resource: 'replicasets' | 'deployments', replicas: number) {
        const labelSelector = { matchLabels: { app: 'web' } };
        await space().make(
          resource,
          workload('web', replicas, {
            nodeSelector: { 'contract-replicasets': mine },
            readinessGates: [{ conditionType: gate }],
            affinity: {
              podAntiAffinity: {
                preferredDuringSchedulingIgnoredDuringExecution: [
                  { weight: 100, podAffinityTerm: { labelSelector, topologyKey: 'kubernetes.io/hostname' } },
                ],
              },
            },
          }),
        );
        const pods = await space().soon('all pods run', async () => {
          const found = await space().all('pods', 'app=web');
          return found.length === replicas && found.every((p) => p.status.phase === 'Running') && found;
        });
        for (const pod of pods) await space().gate(pod.metadata.name, gate, 'True');
        return space().soon('all pods are counted as ready', async () => {
          const { status } = await space().get(resource, 'web');
          const found = await space().all('pods', 'app=web');
          return status.readyReplicas === replicas && found.every(isReady) && found;
        });
      }
      const scaleTo = async (resource: 'replicasets' | 'deployments', replicas: number) => {
        await space().patch(resource, 'web', { spec: { replicas } });
        return space().soon(`${replicas} are left`, async () => {
          const pods = await space().all('pods', 'app=web');
          const staying = pods.filter((p) => !p.metadata.deletionTimestamp);
          return staying.length === replicas && staying;
        });
      };

      test('takes the pod that is not ready, even when another one is on a tainted node', async () => {
        const pods = await apart('replicasets', 2);
        const [stays, goes] = pods;
        const taints = [{ key: 'example.com/old', effect: 'NoSchedule' }];
        await space().patch('nodes', stays.spec.nodeName, { spec: { taints } });
        await space().gate(goes.metadata.name, gate, 'False');
        await space().soon('it is counted as not ready', async () => {
          const { status } = await space().get('replicasets', 'web');
          return status.readyReplicas === 1;
        });
        expect(named(await scaleTo('replicasets', 1))).toEqual([stays.metadata.name]);
        await space().patch('nodes', stays.spec.nodeName, { spec: { taints: null } });
      });

      test('takes a pod of the node that has more pods of the Deployment', async () => {
        const pods = await apart('deployments', 3);
        const crowd = (node: string) => pods.filter((p) => p.spec.nodeName === node).length;
        const [alone] = pods.filter((p) => crowd(p.spec.nodeName) === 1);
        expect(alone).toBeDefined();
        expect(named(await scaleTo('deployments', 2))).toContain(alone.metadata.name);
      });
    });
  });
}
