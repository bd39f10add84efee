import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { container, podNamed, unique, useSpace } from '../space.ts';
import type { Target } from '../target.ts';

const claimSpec = (storageClassName: string) => ({
  storageClassName,
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
});

export function volumes(target: () => Target): void {
  describe('Volumes of a zonal disk', () => {
    const space = useSpace(target);
    const label = 'contract-volumes';
    const id = unique();
    const storage = `contract-${id}`;
    const nodes: string[] = [];

    beforeAll(async () => {
      for (const zone of [`${id}-a`, `${id}-a`, `${id}-b`])
        nodes.push(await target().boot({ zone, labels: { [label]: id } }));
      const { status } = await target().request('POST', '/apis/storage.k8s.io/v1/storageclasses', {
        body: {
          metadata: { name: storage },
          provisioner: 'ebs.csi.aws.com',
          volumeBindingMode: 'WaitForFirstConsumer',
        },
      });
      expect(status).toBe(201);
    });
    afterAll(async () => {
      await target().request('DELETE', `/apis/storage.k8s.io/v1/storageclasses/${storage}`);
      for (const node of nodes) await target().halt(node, { gone: true });
    });

    /** A pod with a volume, on the given node if there is one. */
    const pod = (name: string, volume: object, node?: string) =>
      space().make(
        'pods',
        podNamed(name, {
          containers: [{ ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
          volumes: [{ name: 'data', ...volume }],
          terminationGracePeriodSeconds: 1,
          nodeSelector: { [label]: id, ...(node ? { 'kubernetes.io/hostname': node } : {}) },
        }),
      );
    const runs = (name: string) =>
      space().soon(`${name} runs`, async () => {
        const found = await space().get('pods', name);
        return found?.status.phase === 'Running' && found;
      });
    const attachment = async (volume: string) => {
      const all = await space().all('volumeattachments');
      return all.find((a) => a.spec.source.persistentVolumeName === volume);
    };
    const zoneOf = async (node: string) =>
      (await space().get('nodes', node)).metadata.labels['topology.kubernetes.io/zone'];

    describe('with a claim of its own', () => {
      beforeEach(async () => {
        await space().make('persistentvolumeclaims', {
          metadata: { name: 'data' },
          spec: claimSpec(storage),
        });
      });
      const claimed = { persistentVolumeClaim: { claimName: 'data' } };

      test('are made when there is a pod for them, in the zone of its node, and attached to it', async () => {
        expect((await space().get('persistentvolumeclaims', 'data')).status.phase).toBe('Pending');
        await pod('p', claimed);
        const { spec } = await runs('p');
        const claim = await space().get('persistentvolumeclaims', 'data');
        expect(claim.status.phase).toBe('Bound');
        const volume = await space().get('persistentvolumes', claim.spec.volumeName);
        expect(volume.spec.nodeAffinity.required.nodeSelectorTerms).toEqual([
          {
            matchExpressions: [
              { key: 'topology.kubernetes.io/zone', operator: 'In', values: [await zoneOf(spec.nodeName)] },
            ],
          },
        ]);
        const attached = await attachment(claim.spec.volumeName);
        expect(attached.spec.nodeName).toBe(spec.nodeName);
        expect(attached.status.attached).toBe(true);
      });

      test('stay with their claim when the pod goes, and are detached', async () => {
        await pod('p', claimed);
        await runs('p');
        const { spec } = await space().get('persistentvolumeclaims', 'data');
        await space().remove('pods', 'p');
        await space().gone('pods', 'p');
        await space().soon('it is detached', async () => !(await attachment(spec.volumeName)));
        expect((await space().get('persistentvolumes', spec.volumeName)).status.phase).toBe('Bound');
      });

      test('go to another node of the zone only when the first one has let go', async () => {
        const [first, second] = nodes;
        await pod('p', claimed, first);
        await runs('p');
        await pod('q', claimed, second);
        await space().soon('q has a node', async () => (await space().get('pods', 'q')).spec.nodeName);
        const { spec } = await space().get('persistentvolumeclaims', 'data');
        expect((await attachment(spec.volumeName)).spec.nodeName).toBe(first);
        expect((await space().get('pods', 'q')).status.phase).toBe('Pending');
        await space().remove('pods', 'p');
        await runs('q');
        expect((await attachment(spec.volumeName)).spec.nodeName).toBe(second);
      });

      test('cannot go to another zone', async () => {
        const [first, , elsewhere] = nodes;
        await pod('p', claimed, first);
        await runs('p');
        await pod('q', claimed, elsewhere);
        await space().soon('q is refused', async () => {
          const { status } = await space().get('pods', 'q');
          return status.conditions?.some(
            (c: { type: string; reason?: string }) =>
              c.type === 'PodScheduled' && c.reason === 'Unschedulable',
          );
        });
      });
    });

    describe('that are ephemeral', () => {
      const ephemeral = { ephemeral: { volumeClaimTemplate: { spec: claimSpec(storage) } } };

      test('have a claim with the names of pod and volume, which the pod owns', async () => {
        const { metadata } = await pod('p', ephemeral);
        await runs('p');
        const claim = await space().get('persistentvolumeclaims', 'p-data');
        expect(claim.metadata.ownerReferences).toEqual([
          {
            apiVersion: 'v1',
            kind: 'Pod',
            name: 'p',
            uid: metadata.uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ]);
      });

      test('go with their pod, and the disk with them', async () => {
        await pod('p', ephemeral);
        await runs('p');
        const { spec } = await space().get('persistentvolumeclaims', 'p-data');
        await space().remove('pods', 'p');
        await space().gone('pods', 'p');
        await space().gone('persistentvolumeclaims', 'p-data');
        await space().gone('persistentvolumes', spec.volumeName);
      });

      test('do not take a claim that somebody else made', async () => {
        await space().make('persistentvolumeclaims', {
          metadata: { name: 'p-data' },
          spec: claimSpec(storage),
        });
        await pod('p', ephemeral);
        const refused = await space().soon('the pod is refused', async () => {
          const { status } = await space().get('pods', 'p');
          return status.conditions?.find(
            (c: { type: string; status: string }) => c.type === 'PodScheduled' && c.status === 'False',
          );
        });
        expect(refused.message).toContain('was not created for pod');
      });
    });
  });
}
