import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { container, isReady, named, unique, useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

const gate = 'example.com/open';

export function statefulSets(target: () => Target): void {
  describe('StatefulSets', () => {
    const space = useSpace(target);
    const here = { 'contract-statefulsets': unique() };
    let node: string;
    beforeAll(async () => {
      node = await target().boot({ zone: 'a', labels: here });
    });
    afterAll(() => target().halt(node, { gone: true }));

    const make = (replicas: number, spec: object = {}, rest: object = {}) =>
      space().make(
        'statefulsets',
        workload('db', replicas, { nodeSelector: here, ...spec }, { serviceName: 'db', ...rest }),
      );
    const pods = () => space().all('pods', 'app=db');
    const ready = (replicas: number) =>
      space().soon(`${replicas} pods are ready`, async () => {
        const { status } = await space().get('statefulsets', 'db');
        const found = await pods();
        return (
          status.readyReplicas === replicas && found.length === replicas && found.every(isReady) && found
        );
      });
    const hold = (pod: string) =>
      space().patch('pods', pod, { metadata: { finalizers: ['example.com/hold'] } });
    const release = (pod: string) => space().patch('pods', pod, { metadata: { finalizers: null } });
    const leaving = (pod: string) =>
      space().soon(
        `${pod} is leaving`,
        async () => (await space().get('pods', pod)).metadata.deletionTimestamp,
      );

    test('give their pods an identity', async () => {
      const set = await make(1);
      const [pod] = await ready(1);
      expect(pod.metadata.name).toBe('db-0');
      expect(pod.metadata.labels).toMatchObject({
        app: 'db',
        'statefulset.kubernetes.io/pod-name': 'db-0',
        'apps.kubernetes.io/pod-index': '0',
      });
      expect(pod.metadata.labels['controller-revision-hash']).toMatch(/./);
      expect(pod.metadata.ownerReferences[0]).toMatchObject({ kind: 'StatefulSet', uid: set.metadata.uid });
      expect(pod.spec.hostname).toBe('db-0');
      expect(pod.spec.subdomain).toBe('db');
    });

    test('start one pod after the other, each when the one before is ready', async () => {
      await make(2, { readinessGates: [{ conditionType: gate }] });
      await space().soon(
        'db-0 runs',
        async () => (await space().get('pods', 'db-0'))?.status.phase === 'Running',
      );
      expect(named(await pods())).toEqual(['db-0']);
      await space().gate('db-0', gate, 'True');
      await space().soon('db-1 is there', () => space().get('pods', 'db-1'));
    });

    test('start all at once when they are Parallel', async () => {
      await make(2, { readinessGates: [{ conditionType: gate }] }, { podManagementPolicy: 'Parallel' });
      await space().soon('both are there', async () => (await pods()).length === 2);
    });

    test('stop from the highest ordinal down, one at a time', async () => {
      await make(3);
      await ready(3);
      await hold('db-2');
      await space().patch('statefulsets', 'db', { spec: { replicas: 1 } });
      await leaving('db-2');
      await space().soon('the change was seen', async () => {
        const { metadata, status } = await space().get('statefulsets', 'db');
        return status.observedGeneration === metadata.generation;
      });
      expect((await space().get('pods', 'db-1')).metadata.deletionTimestamp).toBeUndefined();
      await release('db-2');
      await space().gone('pods', 'db-1');
      expect((await space().get('pods', 'db-0')).metadata.deletionTimestamp).toBeUndefined();
    });

    test('make an evicted pod again under its name, only when the old one is gone', async () => {
      await make(1);
      const [old] = await ready(1);
      await hold('db-0');
      expect((await space().evict('db-0')).status).toBe(201);
      await leaving('db-0');
      expect(named(await pods())).toEqual(['db-0']);
      await release('db-0');
      await space().soon('another db-0 is ready', async () => {
        const pod = await space().get('pods', 'db-0');
        return pod && pod.metadata.uid !== old.metadata.uid && isReady(pod);
      });
    });

    test('update from the highest ordinal down, and stop at a pod that does not get ready', async () => {
      await make(2);
      const before = await ready(2);
      await space().patch('statefulsets', 'db', {
        spec: {
          template: {
            spec: {
              readinessGates: [{ conditionType: gate }],
              containers: [{ ...container, image: 'weightless-2' }],
            },
          },
        },
      });
      const uid = before.find((p) => p.metadata.name === 'db-1').metadata.uid;
      await space().soon('db-1 is new and runs', async () => {
        const pod = await space().get('pods', 'db-1');
        return pod && pod.metadata.uid !== uid && pod.status.phase === 'Running';
      });
      expect((await space().get('pods', 'db-0')).spec.containers[0].image).toBe('weightless');
      await space().gate('db-1', gate, 'True');
      await space().soon('db-0 is new', async () => {
        const pod = await space().get('pods', 'db-0');
        return pod?.spec.containers[0].image === 'weightless-2';
      });
    });

    test('leave the pods below the partition alone', async () => {
      await make(2, {}, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } });
      await ready(2);
      await space().patch('statefulsets', 'db', {
        spec: { template: { spec: { containers: [{ ...container, image: 'weightless-2' }] } } },
      });
      await space().soon('db-1 is new and ready', async () => {
        const pod = await space().get('pods', 'db-1');
        return pod?.spec.containers[0].image === 'weightless-2' && isReady(pod);
      });
      expect((await space().get('pods', 'db-0')).spec.containers[0].image).toBe('weightless');
    });

    test('make a claim per pod, which outlives it', async () => {
      const volumeClaimTemplates = [
        {
          metadata: { name: 'data' },
          spec: {
            storageClassName: `contract-${unique()}`,
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
          },
        },
      ];
      await make(1, {}, { volumeClaimTemplates });
      const claim = await space().soon('the claim is there', () =>
        space().get('persistentvolumeclaims', 'data-db-0'),
      );
      const pod = await space().soon('the pod is there', () => space().get('pods', 'db-0'));
      expect(pod.spec.volumes).toContainEqual({
        name: 'data',
        persistentVolumeClaim: { claimName: 'data-db-0' },
      });
      await space().patch('statefulsets', 'db', { spec: { replicas: 0 } });
      await space().gone('pods', 'db-0');
      await space().patch('statefulsets', 'db', { spec: { replicas: 1 } });
      await space().soon('the pod is there again', () => space().get('pods', 'db-0'));
      const kept = await space().get('persistentvolumeclaims', 'data-db-0');
      expect(kept.metadata.uid).toBe(claim.metadata.uid);
      expect(kept.metadata.deletionTimestamp).toBeUndefined();
    });
  });
}
