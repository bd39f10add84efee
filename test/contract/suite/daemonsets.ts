import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isReady, templateOf, unique, useSpace } from '../space.ts';
import type { Target } from '../target.ts';

export function daemonSets(target: () => Target): void {
  describe('DaemonSets', () => {
    const space = useSpace(target);
    const id = unique();
    const here = { 'contract-daemonsets': id };
    const nodes: string[] = [];
    const boot = async (labels: Record<string, string>): Promise<string> => {
      const node = await target().boot({ zone: 'a', labels });
      nodes.push(node);
      return node;
    };
    beforeAll(() => boot(here));
    afterAll(async () => {
      for (const node of nodes) await target().halt(node, { gone: true });
    });

    const make = (spec: object = {}) =>
      space().make('daemonsets', {
        metadata: { name: 'agent' },
        spec: {
          selector: { matchLabels: { app: 'agent' } },
          template: templateOf({ app: 'agent' }, { nodeSelector: here, ...spec }),
        },
      });
    const pods = () => space().all('pods', 'app=agent');
    const runsOn = (...expected: (string | undefined)[]) =>
      space().soon(`ready pods on ${expected.join(', ')} only`, async () => {
        const found = await pods();
        const { status } = await space().get('daemonsets', 'agent');
        const on = found.map((p) => p.spec.nodeName).sort();
        return (
          found.every(isReady) &&
          status.numberReady === expected.length &&
          status.desiredNumberScheduled === expected.length &&
          JSON.stringify(on) === JSON.stringify([...expected].sort())
        );
      });
    const taint = (node: string | undefined, ...taints: object[]) =>
      space().patch('nodes', node ?? '', { spec: { taints } });

    test('run a pod on each node that their nodeSelector finds, and on no other', async () => {
      await boot({ 'contract-daemonsets': 'another' });
      await make();
      await runsOn(nodes[0]);
    });

    test('give their pods the tolerations to stay through the troubles of a node', async () => {
      const set = await make();
      await runsOn(nodes[0]);
      const [pod] = await pods();
      const exists = (key: string, effect: string) => ({
        key: `node.kubernetes.io/${key}`,
        operator: 'Exists',
        effect,
      });
      expect(pod.spec.tolerations).toEqual(
        expect.arrayContaining([
          exists('not-ready', 'NoExecute'),
          exists('unreachable', 'NoExecute'),
          exists('disk-pressure', 'NoSchedule'),
          exists('memory-pressure', 'NoSchedule'),
          exists('pid-pressure', 'NoSchedule'),
          exists('unschedulable', 'NoSchedule'),
        ]),
      );
      expect(pod.metadata.ownerReferences[0]).toMatchObject({ kind: 'DaemonSet', uid: set.metadata.uid });
      expect(pod.metadata.labels['controller-revision-hash']).toMatch(/./);
    });

    test('come to a cordoned node too', async () => {
      await space().patch('nodes', nodes[0] ?? '', { spec: { unschedulable: true } });
      await make();
      await runsOn(nodes[0]);
      await space().patch('nodes', nodes[0] ?? '', { spec: { unschedulable: null } });
    });

    test('come to a new node by themselves', async () => {
      const group = { 'contract-daemonsets': unique() };
      const first = await boot(group);
      await make({ nodeSelector: group });
      await runsOn(first);
      await runsOn(first, await boot(group));
    });

    test('stay on a node that is tainted NoSchedule later, but are no longer wanted there', async () => {
      await make();
      await runsOn(nodes[0]);
      const [pod] = await pods();
      await taint(nodes[0], { key: 'example.com/old', effect: 'NoSchedule' });
      // The taint alone does not make the controller look again.
      await space().patch('daemonsets', 'agent', { metadata: { labels: { look: 'again' } } });
      await space().soon('the pod counts as misscheduled', async () => {
        const { status } = await space().get('daemonsets', 'agent');
        return status.desiredNumberScheduled === 0 && status.numberMisscheduled === 1;
      });
      const kept = await space().get('pods', pod.metadata.name);
      expect(kept.metadata.deletionTimestamp).toBeUndefined();
      await taint(nodes[0]);
      await runsOn(nodes[0]);
    });

    test('leave a node that is tainted NoExecute, unless they tolerate it', async () => {
      await make();
      await runsOn(nodes[0]);
      await taint(nodes[0], { key: 'example.com/out', effect: 'NoExecute' });
      await space().soon('the pod is gone', async () => (await pods()).length === 0);
      await space().remove('daemonsets', 'agent');
      await space().gone('daemonsets', 'agent');
      await make({ tolerations: [{ key: 'example.com/out', operator: 'Exists' }] });
      await runsOn(nodes[0]);
      await taint(nodes[0]);
    });

    test('make an evicted pod again on its node', async () => {
      await make();
      await runsOn(nodes[0]);
      const [old] = await pods();
      expect((await space().evict(old.metadata.name)).status).toBe(201);
      await space().gone('pods', old.metadata.name);
      await runsOn(nodes[0]);
    });
  });
}
