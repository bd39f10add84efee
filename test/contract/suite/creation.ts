import { describe, expect, test } from '@jest/globals';
import { container, podNamed, unique, useSpace, workload } from '../space.ts';
import type { Target } from '../target.ts';

export function creation(target: () => Target): void {
  describe('creation', () => {
    const space = useSpace(target);

    test('gives an object its uid, time and version', async () => {
      const { status, body } = await space().post('configmaps', { metadata: { name: 'a' } });
      expect(status).toBe(201);
      expect(body).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
      expect(body.metadata).toMatchObject({ name: 'a', namespace: space().name });
      expect(body.metadata.uid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(body.metadata.resourceVersion).toMatch(/^\d+$/);
    });

    test('from a generateName adds five characters', async () => {
      const made = await space().make('configmaps', { metadata: { generateName: 'run-' } });
      expect(made.metadata.name).toMatch(/^run-[a-z0-9]{5}$/);
    });

    test('of a name that is taken is refused as AlreadyExists', async () => {
      await space().make('configmaps', { metadata: { name: 'a' } });
      const { status, body } = await space().post('configmaps', { metadata: { name: 'a' } });
      expect(status).toBe(409);
      expect(body.reason).toBe('AlreadyExists');
    });

    test('in a namespace that does not exist is NotFound', async () => {
      const { status, body } = await target().request('POST', '/api/v1/namespaces/never-made/configmaps', {
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } },
      });
      expect(status).toBe(404);
      expect(body.reason).toBe('NotFound');
      expect(body.message).toContain('namespaces "never-made" not found');
    });

    test.each(['Web', 'a_b', '-a', 'a'.repeat(254)])('of an impossible name is Invalid: %s', async (name) => {
      const { status, body } = await space().post('configmaps', { metadata: { name } });
      expect(status).toBe(422);
      expect(body.reason).toBe('Invalid');
      expect(body.details.causes[0]).toMatchObject({ reason: 'FieldValueInvalid', field: 'metadata.name' });
    });

    test('without a name or generateName is Invalid', async () => {
      const { status, body } = await space().post('configmaps', { metadata: {} });
      expect(status).toBe(422);
      expect(body.details.causes[0]).toMatchObject({ reason: 'FieldValueRequired', field: 'metadata.name' });
    });

    test('of an object that names another namespace than the path is a BadRequest', async () => {
      const { status, body } = await space().post('configmaps', {
        metadata: { name: 'a', namespace: 'default' },
      });
      expect(status).toBe(400);
      expect(body.reason).toBe('BadRequest');
    });

    test('with labels that are no map is a BadRequest', async () => {
      const { status } = await space().post('configmaps', { metadata: { name: 'a', labels: ['x'] } });
      expect(status).toBe(400);
    });

    test('of a Deployment whose selector does not match its template is Invalid', async () => {
      const made = workload('web', 1);
      made.spec.selector.matchLabels.app = 'another';
      const { status, body } = await space().post('deployments', made);
      expect(status).toBe(422);
      expect(body.reason).toBe('Invalid');
    });

    test('fills the defaults of a Deployment in', async () => {
      const made = await space().make('deployments', {
        metadata: { name: 'web' },
        spec: {
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: { nodeSelector: { 'contract-nowhere': 'yes' }, containers: [container] },
          },
        },
      });
      expect(made.spec).toMatchObject({
        replicas: 1,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      });
      expect(made.spec.template.spec).toMatchObject({
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        schedulerName: 'default-scheduler',
        dnsPolicy: 'ClusterFirst',
      });
    });

    test('gives every pod five minutes on a node that is not ready or not reachable', async () => {
      const pod = await space().make('pods', podNamed('a', { nodeSelector: { never: 'there' } }));
      expect(pod.spec.tolerations).toEqual(
        expect.arrayContaining(
          ['not-ready', 'unreachable'].map((key) => ({
            key: `node.kubernetes.io/${key}`,
            operator: 'Exists',
            effect: 'NoExecute',
            tolerationSeconds: 300,
          })),
        ),
      );
      expect(pod.status.phase).toBe('Pending');
    });

    test('in a dry run shows what would be made and makes nothing', async () => {
      const { status, body } = await space().post(
        'configmaps',
        { metadata: { name: 'a' } },
        { dryRun: 'All' },
      );
      expect(status).toBe(201);
      expect(body.metadata.name).toBe('a');
      expect(await space().get('configmaps', 'a')).toBeUndefined();
    });

    test('of a Node taints it as not ready until its kubelet says otherwise', async () => {
      const node = { metadata: { name: `new-${unique()}` } };
      // Only as if: a controller that sees the node at once may change its taints again.
      const { body } = await space().post('nodes', node, { dryRun: 'All' });
      expect(body.spec.taints).toContainEqual({ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' });
    });

    test('of a namespace labels it with its name', async () => {
      const { metadata, status } = await space().get('namespaces', space().name);
      expect(metadata.labels['kubernetes.io/metadata.name']).toBe(space().name);
      expect(status.phase).toBe('Active');
    });
  });
}
