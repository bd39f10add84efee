import { describe, expect, test } from '@jest/globals';
import { useSpace } from '../space.ts';
import type { Target } from '../target.ts';

export function endpoints(target: () => Target): void {
  describe('EndpointSlices', () => {
    const space = useSpace(target);
    const service = (rest: object = {}) =>
      space().make('services', {
        metadata: { name: 'web' },
        spec: {
          clusterIP: 'None',
          selector: { app: 'web' },
          ports: [{ name: 'http', port: 80, targetPort: 8080 }],
          ...rest,
        },
      });
    const slices = () => space().all('endpointslices', 'kubernetes.io/service-name=web');
    /** Conditions of every endpoint by the name of its pod. */
    const conditions = async (): Promise<Record<string, object>> =>
      Object.fromEntries(
        (await slices())
          .flatMap((slice) => slice.endpoints ?? [])
          .map((endpoint) => [endpoint.targetRef.name, endpoint.conditions]),
      );
    const shows = (expected: Record<string, object>) =>
      space().soon(`the endpoints are ${JSON.stringify(expected)}`, async () => {
        const seen = await conditions();
        const names = (of: object) => JSON.stringify(Object.keys(of).sort());
        const same = Object.entries(expected).every(([name, wanted]) => {
          const found = (seen[name] ?? {}) as Record<string, boolean>;
          return Object.entries(wanted).every(([key, value]) => found[key] === value);
        });
        if (names(seen) === names(expected) && same) return true;
        throw new Error(JSON.stringify(seen));
      });
    const good = { ready: true, serving: true, terminating: false };

    test('name the address, node and pod behind a Service', async () => {
      const node = await space().silentNode({ 'topology.kubernetes.io/zone': 'eu-west-1a' });
      const pod = await space().podOn(node, 'a');
      const { metadata } = await service();
      await shows({ a: good });
      const [slice] = await slices();
      expect(slice.addressType).toBe('IPv4');
      expect(slice.ports).toMatchObject([{ name: 'http', port: 8080, protocol: 'TCP' }]);
      expect(slice.endpoints[0]).toMatchObject({
        addresses: [pod.status.podIP],
        nodeName: node,
        zone: 'eu-west-1a',
        targetRef: { kind: 'Pod', namespace: space().name, name: 'a', uid: pod.metadata.uid },
      });
      expect(slice.metadata.ownerReferences[0]).toMatchObject({ kind: 'Service', uid: metadata.uid });
    });

    test('tell pods that are ready from those that are not', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'a');
      await space().podOn(node, 'b', { ready: false });
      await service();
      await shows({ a: good, b: { ready: false, serving: false, terminating: false } });
      await space().tellStatus('b');
      await shows({ a: good, b: good });
    });

    test('keep a terminating pod as serving until it stops, and drop it when it is gone', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'a');
      await space().podOn(node, 'b');
      await service();
      await shows({ a: good, b: good });
      await space().evict('a');
      await shows({ a: { ready: false, serving: true, terminating: true }, b: good });
      await space().tellStatus('a', { ready: false });
      await shows({ a: { ready: false, serving: false, terminating: true }, b: good });
      await space().remove('pods', 'a', { gracePeriodSeconds: 0 });
      await shows({ b: good });
    });

    test('call every pod ready for a Service that publishes addresses that are not', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'a', { ready: false });
      await space().podOn(node, 'b');
      await service({ publishNotReadyAddresses: true });
      await shows({ a: { ready: true, serving: false, terminating: false }, b: good });
      await space().remove('pods', 'b');
      await shows({
        a: { ready: true, serving: false, terminating: false },
        b: { ready: true, serving: true, terminating: true },
      });
    });

    test('leave out pods that have ended, have no address or have other labels', async () => {
      const node = await space().silentNode();
      await space().podOn(node, 'a');
      await space().podOn(node, 'done', { phase: 'Succeeded' });
      await space().podOn(node, 'young', { phase: 'Pending' });
      await space().podOn(node, 'other', { labels: { app: 'other' } });
      await service();
      await shows({ a: good });
      await space().patch('pods', 'a', { metadata: { labels: { app: 'set-apart' } } });
      await shows({});
    });

    test('go with their Service', async () => {
      await space().podOn(await space().silentNode(), 'a');
      await service();
      await shows({ a: good });
      await space().remove('services', 'web');
      await space().soon('the slices are gone', async () => (await slices()).length === 0);
    });
  });
}
