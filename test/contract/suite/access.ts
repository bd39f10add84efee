import { describe, expect, test } from '@jest/globals';
import { podNamed, unique, useSpace } from '../space.ts';
import type { Target } from '../target.ts';

export function access(target: () => Target): void {
  describe('the API server', () => {
    const space = useSpace(target);
    // biome-ignore lint/suspicious/noExplicitAny: a list of resources as discovery answers it.
    const nameOf = (resource: any): string => resource.name;

    test('says its version', async () => {
      const version = await target().kubernetes.version();
      expect(version.major).toBe('1');
      expect(version.minor).toMatch(/^3\d\+?$/);
      expect(version.gitVersion.startsWith(`v1.${Number.parseInt(version.minor, 10)}.`)).toBe(true);
    });

    test('allows an administrator everything', async () => {
      for (const access of [
        { verb: 'create', resource: 'pods', subresource: 'eviction', namespace: space().name },
        { verb: 'patch', resource: 'nodes' },
        { verb: 'update', resource: 'leases', group: 'coordination.k8s.io', namespace: space().name },
      ])
        expect(await target().kubernetes.canI(access)).toBe(true);
    });

    test('lists its groups', async () => {
      const { status, body } = await target().request('GET', '/apis');
      expect(status).toBe(200);
      expect(body.kind).toBe('APIGroupList');
      for (const name of ['apps', 'policy', 'coordination.k8s.io', 'discovery.k8s.io', 'storage.k8s.io']) {
        const group = body.groups.find((g: { name: string }) => g.name === name);
        expect(group.preferredVersion).toEqual({ groupVersion: `${name}/v1`, version: 'v1' });
      }
    });

    test('lists the resources of a group with their subresources', async () => {
      const core = (await target().request('GET', '/api/v1')).body;
      expect(core).toMatchObject({ kind: 'APIResourceList', groupVersion: 'v1' });
      expect(core.resources.map(nameOf)).toEqual(
        expect.arrayContaining(['nodes', 'nodes/status', 'pods', 'pods/eviction', 'pods/portforward']),
      );
      const evictions = core.resources.find((r: { name: string }) => r.name === 'pods/eviction');
      expect(evictions).toMatchObject({ group: 'policy', version: 'v1', kind: 'Eviction', namespaced: true });
      const apps = (await target().request('GET', '/apis/apps/v1')).body;
      expect(apps.resources.map(nameOf)).toEqual(
        expect.arrayContaining(['deployments', 'deployments/scale']),
      );
    });

    test('does not find what it does not serve', async () => {
      for (const path of ['/apis/nothing.example.com/v1/things', '/api/v1/things']) {
        const { status } = await target().request('GET', path);
        expect(status).toBe(404);
      }
    });

    test('forwards a port of a pod that listens, and says so when nothing does', async () => {
      const { image, port } = target().web;
      const label = { 'contract-web': unique() };
      const node = await target().boot({ zone: 'a', labels: label });
      const web = {
        name: 'main',
        image,
        ports: [{ containerPort: port }],
        readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
      };
      await space().make('pods', podNamed('web', { nodeSelector: label, containers: [web] }));
      await space().soon('the pod is ready', async () => {
        const { status } = await space().get('pods', 'web');
        return status.conditions?.some(
          (c: { type: string; status: string }) => c.type === 'Ready' && c.status === 'True',
        );
      });
      const pod = { namespace: space().name, name: 'web' };
      const stream = await target().kubernetes.portForward(pod, port);
      stream.write('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
      let answer = '';
      for await (const chunk of stream) answer += chunk;
      expect(answer).toMatch(/^HTTP\/1\.1 200/);

      const refused = await target().kubernetes.portForward(pod, port + 1);
      const error = await new Promise<Error>((resolve) => refused.once('error', resolve));
      expect(error.message).toContain(`port ${port + 1} of pod ${space().name}/web`);
      await target().halt(node, { gone: true });
    });
  });
}
