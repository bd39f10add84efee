import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { conditionOf, container, isReady, unique, useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

const gate = 'example.com/open';
const gated = { readinessGates: [{ conditionType: gate }] };
// biome-ignore lint/suspicious/noExplicitAny: objects as the server answers them.
type Json = any;

export function deployments(target: () => Target): void {
  describe('Deployments', () => {
    const space = useSpace(target);
    const here = { 'contract-deployments': unique() };
    let node: string;
    beforeAll(async () => {
      node = await target().boot({ zone: 'a', labels: here });
    });
    afterAll(() => target().halt(node, { gone: true }));

    const make = (replicas: number, rest: object = {}) =>
      space().make('deployments', workload('web', replicas, { nodeSelector: here }, rest));
    const available = (replicas: number) =>
      space().soon(`${replicas} replicas are available`, async () => {
        const deployment = await space().get('deployments', 'web');
        const { metadata, status } = deployment;
        const done =
          status.observedGeneration === metadata.generation &&
          status.replicas === replicas &&
          status.updatedReplicas === replicas &&
          status.availableReplicas === replicas;
        return done && deployment;
      });
    const sets = (): Promise<Json[]> => space().all('replicasets', 'app=web');
    /** A new template whose pods never get ready. */
    const roll = () =>
      space().patch('deployments', 'web', {
        spec: { template: { spec: { ...gated, containers: [{ ...container, image: 'weightless-2' }] } } },
      });
    /** Replicas of the old and the new ReplicaSet, once the rollout cannot go on. */
    const stuckAt = (old: number, fresh: number) =>
      space().soon(`the rollout is stuck at ${old} old and ${fresh} new`, async () => {
        const all = await sets();
        const of = (ready: boolean) =>
          all.find((s) => (s.spec.template.spec.readinessGates === undefined) === ready)?.spec.replicas;
        const pods = await space().all('pods', 'app=web');
        const running = pods.filter((p) => p.status.phase === 'Running' && !p.metadata.deletionTimestamp);
        if (of(true) === old && of(false) === fresh && running.length === old + fresh) return true;
        throw new Error(`${of(true)} old, ${of(false)} new, ${running.length} running`);
      });

    test('make a ReplicaSet named by the hash of the template, and pods named by the ReplicaSet', async () => {
      const deployment = await make(2);
      await available(2);
      const [set] = await sets();
      const hash = set.metadata.labels['pod-template-hash'];
      expect(set.metadata.name).toBe(`web-${hash}`);
      expect(set.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
      expect(set.metadata.ownerReferences).toEqual([
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: 'web',
          uid: deployment.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ]);
      for (const pod of await space().all('pods', 'app=web')) {
        expect(pod.metadata.name).toMatch(new RegExp(`^web-${hash}-[a-z0-9]{5}$`));
        expect(pod.metadata.labels).toMatchObject({ app: 'web', 'pod-template-hash': hash });
        expect(pod.metadata.ownerReferences[0]).toMatchObject({ kind: 'ReplicaSet', uid: set.metadata.uid });
        const patience = pod.spec.tolerations.map((t: { tolerationSeconds: number }) => t.tolerationSeconds);
        expect(patience).toEqual([300, 300]);
      }
    });

    test('say that they are Available', async () => {
      await make(1);
      const deployment = await available(1);
      expect(conditionOf(deployment, 'Available')).toMatchObject({
        status: 'True',
        reason: 'MinimumReplicasAvailable',
      });
      expect(conditionOf(deployment, 'Progressing')).toMatchObject({ status: 'True' });
    });

    test.each([
      ['25%', '25%', 3, 3, 1],
      ['25%', '25%', 4, 3, 2],
      ['25%', '25%', 10, 8, 5],
      [1, 0, 2, 2, 1],
      [0, 1, 2, 1, 1],
      ['100%', 0, 2, 2, 2],
      ['1%', '1%', 3, 3, 1],
    ])(
      'with maxSurge %s and maxUnavailable %s of %i go as far as %i old and %i new',
      async (maxSurge, maxUnavailable, replicas, old, fresh) => {
        await make(replicas, { strategy: { rollingUpdate: { maxSurge, maxUnavailable } } });
        await available(replicas);
        await roll();
        await stuckAt(old, fresh);
      },
    );

    test('finish a rollout as the new pods get ready, and keep the old ReplicaSet at zero', async () => {
      await make(2);
      await available(2);
      await roll();
      await space().soon('every pod is new', async () => {
        for (const pod of await space().all('pods', 'app=web'))
          if (pod.spec.readinessGates && !conditionOf(pod, gate))
            await space().gate(pod.metadata.name, gate, 'True');
        const { metadata, status } = await space().get('deployments', 'web');
        const { observedGeneration, updatedReplicas, availableReplicas, replicas } = status;
        if (observedGeneration !== metadata.generation) return false;
        return updatedReplicas === 2 && availableReplicas === 2 && replicas === 2;
      });
      expect((await sets()).map((s) => s.spec.replicas).sort()).toEqual([0, 2]);
    });

    test('of the Recreate strategy stop every old pod before they start a new one', async () => {
      await make(2, { strategy: { type: 'Recreate' } });
      await available(2);
      const old = (await space().all('pods', 'app=web')).map((p) => p.metadata.uid);
      const held = (await space().all('pods', 'app=web'))[0].metadata.name;
      await space().patch('pods', held, { metadata: { finalizers: ['example.com/hold'] } });
      await roll();
      await space().soon('only the held pod is left', async () => {
        const pods = await space().all('pods', 'app=web');
        return pods.length === 1 && pods[0].metadata.deletionTimestamp;
      });
      await space().patch('pods', held, { metadata: { finalizers: null } });
      await space().soon('two new pods run', async () => {
        const pods = await space().all('pods', 'app=web');
        return pods.length === 2 && pods.every((p) => !old.includes(p.metadata.uid));
      });
    });

    test('that are paused do not roll', async () => {
      await make(1);
      await available(1);
      await space().patch('deployments', 'web', { spec: { paused: true } });
      await roll();
      await space().soon('the change was seen', async () => {
        const { metadata, status } = await space().get('deployments', 'web');
        return status.observedGeneration === metadata.generation;
      });
      expect(await sets()).toHaveLength(1);
      await space().patch('deployments', 'web', { spec: { paused: false } });
      await stuckAt(1, 1);
    });

    test('scale through their scale subresource', async () => {
      await make(1);
      await available(1);
      const { status, body } = await space().patch('deployments', 'web', { spec: { replicas: 2 } }, 'scale');
      expect(status).toBe(200);
      expect(body).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 2 } });
      await available(2);
    });

    test('replace a pod that is evicted at once, while it is still terminating', async () => {
      await make(1);
      await available(1);
      const [old] = await space().all('pods', 'app=web');
      await space().patch('pods', old.metadata.name, { metadata: { finalizers: ['example.com/hold'] } });
      expect((await space().evict(old.metadata.name)).status).toBe(201);
      await space().soon('another pod is ready', async () => {
        const pods = await space().all('pods', 'app=web');
        return pods.some((p) => p.metadata.uid !== old.metadata.uid && isReady(p));
      });
      expect((await space().get('pods', old.metadata.name)).metadata.deletionTimestamp).toBeDefined();
      await space().patch('pods', old.metadata.name, { metadata: { finalizers: null } });
    });
  });
}
