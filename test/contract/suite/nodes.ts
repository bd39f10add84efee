import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { conditionOf, isReady, podNamed, unique, useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

export function nodes(target: () => Target): void {
  describe('nodes', () => {
    const space = useSpace(target);
    const booted: string[] = [];
    // Without a healthy node anywhere the node controller holds its NoExecute taints back.
    beforeAll(() => boot({}));
    afterAll(async () => {
      for (const node of booted) await target().halt(node, { gone: true });
    });
    async function boot(labels: Record<string, string>): Promise<string> {
      const node = await target().boot({ zone: 'a', labels });
      booted.push(node);
      return node;
    }
    const keysOf = (node: { spec: { taints?: { key: string; effect: string }[] } }) =>
      (node.spec.taints ?? []).map((t) => `${t.key}:${t.effect}`).sort();
    const taint = (node: string, ...taints: object[]) => space().patch('nodes', node, { spec: { taints } });
    const tolerating = (tolerationSeconds?: number) => ({
      tolerations: [
        {
          key: 'example.com/out',
          operator: 'Exists',
          effect: 'NoExecute',
          ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
        },
      ],
    });
    const leaving = async (name: string) =>
      (await space().get('pods', name))?.metadata.deletionTimestamp !== undefined;

    test('that are ready carry no taint of the control plane', async () => {
      const node = await boot({ 'contract-nodes': unique() });
      const seen = await space().soon('the node is free of taints', async () => {
        const found = await space().get('nodes', node);
        return keysOf(found).length === 0 && found;
      });
      expect(conditionOf(seen, 'Ready').status).toBe('True');
    });

    test('that are cordoned are tainted as unschedulable until they are uncordoned', async () => {
      const node = await boot({ 'contract-nodes': unique() });
      await space().patch('nodes', node, { spec: { unschedulable: true } });
      await space().soon('the node is tainted', async () =>
        keysOf(await space().get('nodes', node)).includes('node.kubernetes.io/unschedulable:NoSchedule'),
      );
      await space().patch('nodes', node, { spec: { unschedulable: null } });
      await space().soon(
        'the taint is gone',
        async () => keysOf(await space().get('nodes', node)).length === 0,
      );
    });

    test('that are not ready are tainted, and no longer when they are', async () => {
      // In a zone of its own: in each, one node in ten seconds is tainted NoExecute (--node-eviction-rate).
      const node = await space().silentNode({ 'topology.kubernetes.io/zone': unique() });
      const tell = (status: string) =>
        space().patch('nodes', node, { status: { conditions: [{ type: 'Ready', status }] } }, 'status');
      await tell('False');
      await space().soon('the node is tainted as not ready', async () => {
        const keys = keysOf(await space().get('nodes', node));
        return ['NoSchedule', 'NoExecute'].every((e) => keys.includes(`node.kubernetes.io/not-ready:${e}`));
      });
      await tell('True');
      await space().soon(
        'the taints are gone',
        async () => keysOf(await space().get('nodes', node)).length === 0,
      );
    });

    test('with a NoExecute taint lose the pods that do not tolerate it', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'plain');
      await space().podOn(node, 'tolerant', { spec: tolerating() });
      await space().podOn(node, 'patient', { spec: tolerating(2) });
      await taint(node, { key: 'example.com/out', effect: 'NoExecute' });
      await space().soon('plain is leaving', () => leaving('plain'));
      await space().soon('patient is leaving', () => leaving('patient'));
      expect(await leaving('tolerant')).toBe(false);
      expect(conditionOf(await space().get('pods', 'plain'), 'DisruptionTarget')).toMatchObject({
        status: 'True',
        reason: 'DeletionByTaintManager',
      });
      const at = async (name: string) =>
        Date.parse((await space().get('pods', name)).metadata.deletionTimestamp);
      expect((await at('patient')) - (await at('plain'))).toBeGreaterThanOrEqual(1000);
    });

    test('whose NoExecute taint is taken back in time keep the pods that tolerate it for a while', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'plain');
      await space().podOn(node, 'patient', { spec: tolerating(600) });
      await taint(node, { key: 'example.com/out', effect: 'NoExecute' });
      await space().soon('plain is leaving', () => leaving('plain'));
      await taint(node);
      expect(await leaving('patient')).toBe(false);
    });

    test('with a NoSchedule taint keep the pods they have', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'plain');
      await space().podOn(node, 'other');
      await taint(node, { key: 'example.com/old', effect: 'NoSchedule' });
      await space().evict('other');
      await space().soon('the other one is leaving', () => leaving('other'));
      expect(await leaving('plain')).toBe(false);
    });

    test('that fall silent become unreachable, and their pods not ready', async () => {
      const here = { 'contract-nodes': unique() };
      const node = await boot(here);
      await space().make('pods', podNamed('web', { nodeSelector: here }));
      await space().soon('the pod is ready', async () => isReady(await space().get('pods', 'web')));
      await target().halt(node);
      await eventually(
        `${node} is unreachable`,
        async () => {
          const seen = await space().get('nodes', node);
          const keys = keysOf(seen);
          return (
            conditionOf(seen, 'Ready').status === 'Unknown' &&
            ['NoSchedule', 'NoExecute'].every((e) => keys.includes(`node.kubernetes.io/unreachable:${e}`))
          );
        },
        target().limits.unreachableMs,
      );
      expect(conditionOf(await space().get('nodes', node), 'Ready').reason).toBe('NodeStatusUnknown');
      await space().soon('the pod is not ready', async () => !isReady(await space().get('pods', 'web')));
      expect((await space().get('pods', 'web')).status.phase).toBe('Running');
    });

    test('that are deleted lose their pods without any kubelet, and a ReplicaSet makes others', async () => {
      const here = { 'contract-nodes': unique() };
      const node = await boot(here);
      await space().make('replicasets', workload('web', 1, { nodeSelector: here }));
      const pod = await space().soon('the pod is ready', async () => {
        const [found] = await space().all('pods', 'app=web');
        return found && isReady(found) && found;
      });
      await target().halt(node, { gone: true });
      await eventually(
        `the pod of ${node} is gone`,
        async () => (await space().get('pods', pod.metadata.name)) === undefined,
        target().limits.podGarbageMs,
      );
      expect(await space().get('nodes', node)).toBeUndefined();
      await space().soon('another pod waits for a node', async () => {
        const [found] = await space().all('pods', 'app=web');
        return found?.status.phase === 'Pending';
      });
    });
  });
}
