import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PodSpec } from '../../../src/cluster/objects.ts';
import { conditionOf, container, podNamed, unique, useSpace } from '../space.ts';
import type { Target } from '../target.ts';

export function scheduling(target: () => Target): void {
  describe('the scheduler', () => {
    const space = useSpace(target);
    const id = unique();
    const label = 'contract-scheduling';
    let a: string;
    let b: string;
    let small: string;
    beforeAll(async () => {
      a = await target().boot({ zone: `${id}-a`, labels: { [label]: id, 'contract-disk': 'ssd' }, cpu: '2' });
      b = await target().boot({ zone: `${id}-b`, labels: { [label]: id, 'contract-disk': 'hdd' }, cpu: '2' });
      small = await target().boot({ zone: `${id}-a`, labels: { [label]: `${id}-small` }, pods: '2' });
    });
    afterAll(async () => {
      for (const node of [a, b, small]) await target().halt(node, { gone: true });
    });

    const pod = (name: string, spec: Partial<PodSpec> = {}) =>
      space().make('pods', {
        ...podNamed(name, { nodeSelector: { [label]: id }, terminationGracePeriodSeconds: 1, ...spec }),
        metadata: { name, labels: { app: 'web' } },
      });
    const placed = (name: string): Promise<string> =>
      space().soon(`${name} has a node`, async () => (await space().get('pods', name)).spec.nodeName);
    const refused = (name: string) =>
      space().soon(`${name} is unschedulable`, async () => {
        const seen = await space().get('pods', name);
        const condition = conditionOf(seen, 'PodScheduled');
        return (
          seen.status.phase === 'Pending' &&
          condition?.status === 'False' &&
          condition.reason === 'Unschedulable'
        );
      });
    const asking = (cpu: string): Partial<PodSpec> => ({
      containers: [{ ...container, resources: { requests: { cpu } } }],
    });
    const taint = (node: string, ...taints: object[]) => space().patch('nodes', node, { spec: { taints } });
    const old = { key: 'example.com/old', value: '1', effect: 'NoSchedule' };

    test('says on a pod that it was scheduled', async () => {
      await pod('p');
      expect([a, b]).toContain(await placed('p'));
      expect(conditionOf(await space().get('pods', 'p'), 'PodScheduled').status).toBe('True');
    });

    test('gives a pod the zone and region of its node as labels', async () => {
      const minor = Number.parseInt((await target().kubernetes.version()).minor, 10);
      if (minor < 35) return;
      await pod('p', { nodeSelector: { [label]: id, 'contract-disk': 'ssd' } });
      await placed('p');
      expect((await space().get('pods', 'p')).metadata.labels).toEqual({
        app: 'web',
        'topology.kubernetes.io/zone': `${id}-a`,
        'topology.kubernetes.io/region': 'eu-west-1',
      });
    });

    test('says on a pod that no node takes it, and takes it up when one does', async () => {
      await pod('p', { nodeSelector: { [label]: id, 'contract-later': id } });
      await refused('p');
      await space().patch('nodes', a, { metadata: { labels: { 'contract-later': id } } });
      expect(await placed('p')).toBe(a);
    });

    test('adds the requests of a node up', async () => {
      const on = { nodeSelector: { [label]: id, 'contract-disk': 'ssd' } };
      await pod('first', { ...asking('1500m'), ...on });
      expect(await placed('first')).toBe(a);
      await pod('second', { ...asking('1500m'), ...on });
      await refused('second');
      await space().remove('pods', 'first');
      expect(await placed('second')).toBe(a);
    });

    test('puts no more pods on a node than it allows', async () => {
      const on = { nodeSelector: { [label]: `${id}-small` } };
      for (const name of ['one', 'two']) {
        await pod(name, on);
        expect(await placed(name)).toBe(small);
      }
      await pod('three', on);
      await refused('three');
    });

    test('keeps to a required node affinity', async () => {
      await pod('p', {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'contract-disk', operator: 'NotIn', values: ['ssd'] }] },
              ],
            },
          },
        },
      });
      expect(await placed('p')).toBe(b);
    });

    test('keeps pods off a node with a NoSchedule taint that they do not tolerate', async () => {
      await taint(a, old);
      await pod('plain');
      expect(await placed('plain')).toBe(b);
      await pod('tolerant', {
        nodeSelector: { [label]: id, 'contract-disk': 'ssd' },
        tolerations: [{ key: 'example.com/old', operator: 'Equal', value: '1', effect: 'NoSchedule' }],
      });
      expect(await placed('tolerant')).toBe(a);
      await pod('otherwise', {
        nodeSelector: { [label]: id, 'contract-disk': 'ssd' },
        tolerations: [{ key: 'example.com/old', operator: 'Equal', value: '2', effect: 'NoSchedule' }],
      });
      await refused('otherwise');
      await taint(a);
      expect(await placed('otherwise')).toBe(a);
    });

    test('avoids a node with a PreferNoSchedule taint, and uses it when there is no other', async () => {
      await taint(a, { ...old, effect: 'PreferNoSchedule' });
      await pod('free');
      expect(await placed('free')).toBe(b);
      await pod('bound', { nodeSelector: { [label]: id, 'contract-disk': 'ssd' } });
      expect(await placed('bound')).toBe(a);
      await taint(a);
    });

    test('puts nothing on a cordoned node', async () => {
      await space().patch('nodes', a, { spec: { unschedulable: true } });
      await pod('p', { nodeSelector: { [label]: id, 'contract-disk': 'ssd' } });
      await refused('p');
      await space().patch('nodes', a, { spec: { unschedulable: false } });
      expect(await placed('p')).toBe(a);
    });

    test('keeps pods apart that must not share a node', async () => {
      const affinity = {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' },
          ],
        },
      };
      await pod('one', { affinity });
      await pod('two', { affinity });
      expect([await placed('one'), await placed('two')].sort()).toEqual([a, b].sort());
      await pod('three', { affinity });
      await refused('three');
      // The pods that are there repel one that has no rule of its own.
      await pod('plain');
      await refused('plain');
    });

    describe('spreading over zones', () => {
      const spread = (rest: object = {}): Partial<PodSpec> => ({
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'topology.kubernetes.io/zone',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'web' } },
            ...rest,
          },
        ],
      });

      test('does not let one zone get ahead', async () => {
        for (const name of ['one', 'two', 'three', 'four']) await pod(name, spread());
        const nodes = [];
        for (const name of ['one', 'two', 'three', 'four']) nodes.push(await placed(name));
        expect(nodes.filter((n) => n === a)).toHaveLength(2);
      });

      test('counts a zone whose only node is tainted, and so finds no place for the next pod', async () => {
        await taint(a, old);
        await pod('one', spread());
        expect(await placed('one')).toBe(b);
        await pod('two', spread());
        await refused('two');
        await taint(a);
        expect(await placed('two')).toBe(a);
      });

      test('does not count it under nodeTaintsPolicy Honor', async () => {
        await taint(a, old);
        for (const name of ['one', 'two']) {
          await pod(name, spread({ nodeTaintsPolicy: 'Honor' }));
          expect(await placed(name)).toBe(b);
        }
        await taint(a);
      });

      test('counts a cordoned zone as well', async () => {
        await space().patch('nodes', a, { spec: { unschedulable: true } });
        await pod('one', spread());
        expect(await placed('one')).toBe(b);
        await pod('two', spread());
        await refused('two');
        await space().patch('nodes', a, { spec: { unschedulable: false } });
        expect(await placed('two')).toBe(a);
      });
    });

    test('puts a pod where its volume can be reached', async () => {
      const name = `contract-${unique()}`;
      const capacity = { storage: '1Gi' };
      const accessModes = ['ReadWriteOnce'];
      await space().make('persistentvolumes', {
        metadata: { name },
        spec: {
          capacity,
          accessModes,
          storageClassName: name,
          persistentVolumeReclaimPolicy: 'Retain',
          hostPath: { path: '/var/lib/contract' },
          claimRef: { namespace: space().name, name: 'data' },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [
                    { key: 'topology.kubernetes.io/zone', operator: 'In', values: [`${id}-b`] },
                  ],
                },
              ],
            },
          },
        },
      });
      await space().make('persistentvolumeclaims', {
        metadata: { name: 'data' },
        spec: { accessModes, storageClassName: name, volumeName: name, resources: { requests: capacity } },
      });
      await space().soon('the claim is bound', async () => {
        const { status } = await space().get('persistentvolumeclaims', 'data');
        return status.phase === 'Bound';
      });
      const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
      await pod('there', { volumes });
      expect(await placed('there')).toBe(b);
      await pod('elsewhere', { volumes, nodeSelector: { [label]: id, 'contract-disk': 'ssd' } });
      await refused('elsewhere');
      await space().remove('persistentvolumes', name);
    });

    test('leaves a pod alone whose claim does not exist', async () => {
      await pod('p', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'none' } }] });
      await refused('p');
    });
  });
}
