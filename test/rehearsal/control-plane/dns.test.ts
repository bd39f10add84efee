import { createSocket } from 'node:dgram';
import { promises } from 'node:dns';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { RecordType } from 'dns-packet';
import type { EndpointSlice, Service } from '../../../src/cluster/objects.ts';
import type { Resource } from '../../../src/cluster/resources.ts';
import { dnsAnswer, type Named } from '../../../src/rehearsal/control-plane/dns.ts';
import { type DnsServer, startDnsServer } from '../../../src/rehearsal/control-plane/dns-server.ts';
import type { Objects } from '../../../src/rehearsal/kubernetes/store.ts';

type Endpoint = EndpointSlice['endpoints'][number];

const service = (name: string, spec: Service['spec']): Service => ({
  metadata: { namespace: 'shop', name },
  spec,
});
const slice = (of: string, endpoints: Endpoint[], more: Partial<EndpointSlice> = {}): EndpointSlice => ({
  metadata: { namespace: 'shop', name: `${of}-abc`, labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  endpoints,
  ports: [{ name: 'main', port: 6379, protocol: 'TCP' }],
  ...more,
});
const endpoint = (n: number, more: Partial<Endpoint> = {}): Endpoint => ({
  addresses: [`10.64.0.${n}`],
  conditions: { ready: true },
  hostname: `redis-${n}`,
  ...more,
});
const unready = { conditions: { ready: false } };
const headless = service('redis', { clusterIP: 'None', ports: [{ name: 'main', port: 1 }] });
const web = service('web', {
  clusterIP: '172.20.3.4',
  ports: [{ name: 'http', port: 80, targetPort: 8080 }, { port: 81 }],
});
const shop: Named = {
  services: [headless, web],
  endpointSlices: [slice('redis', [endpoint(0), endpoint(1)])],
};

const ask = (name: string, type: RecordType = 'A', named = shop) => dnsAnswer({ name, type }, named);
const data = (name: string, type: RecordType = 'A', named = shop) =>
  ask(name, type, named).answers.map((answer) => answer.data);
const nothing = { exists: false, answers: [], additionals: [] };
const noData = { exists: true, answers: [], additionals: [] };

describe('the DNS', () => {
  test('gives the address of a Service that has one', () => {
    expect(ask('web.shop.svc.cluster.local').answers).toEqual([
      { type: 'A', name: 'web.shop.svc.cluster.local', ttl: 5, data: '172.20.3.4' },
    ]);
  });

  test('gives the addresses of the ready endpoints of a headless Service', () => {
    const endpointSlices = [
      slice('redis', [endpoint(0), endpoint(1, unready), endpoint(2, { conditions: {} })]),
    ];
    const named = { ...shop, endpointSlices };
    expect(data('redis.shop.svc.cluster.local', 'A', named)).toEqual(['10.64.0.0', '10.64.0.2']);
    expect(ask('redis-1.redis.shop.svc.cluster.local', 'A', named)).toEqual(nothing);
  });

  test('gives those of all endpoints when the Service publishes them before they are ready', () => {
    const early = service('redis', { clusterIP: 'None', publishNotReadyAddresses: true });
    const named = {
      services: [early],
      endpointSlices: [slice('redis', [endpoint(0), endpoint(1, unready)])],
    };
    expect(data('redis.shop.svc.cluster.local', 'A', named)).toEqual(['10.64.0.0', '10.64.0.1']);
    expect(data('redis-1.redis.shop.svc.cluster.local', 'A', named)).toEqual(['10.64.0.1']);
  });

  test('gives the address of a pod by its hostname, and of one without by its address', () => {
    const { hostname: _, ...anonymous } = endpoint(7);
    const named = { ...shop, endpointSlices: [slice('redis', [endpoint(0), anonymous])] };
    expect(data('redis-0.redis.shop.svc.cluster.local', 'A', named)).toEqual(['10.64.0.0']);
    expect(data('10-64-0-7.redis.shop.svc.cluster.local', 'A', named)).toEqual(['10.64.0.7']);
  });

  test('names an endpoint once that is in two slices', () => {
    const named = { ...shop, endpointSlices: [slice('redis', [endpoint(0)]), slice('redis', [endpoint(0)])] };
    expect(data('redis.shop.svc.cluster.local', 'A', named)).toEqual(['10.64.0.0']);
  });

  test('takes endpoints of the same Service only', () => {
    const elsewhere = { namespace: 'other', name: 'x', labels: { 'kubernetes.io/service-name': 'redis' } };
    const endpointSlices = [
      slice('redis', [endpoint(0)], { metadata: elsewhere }),
      slice('redis-cache', [endpoint(1)]),
      slice('redis', [endpoint(2, { addresses: ['fd00::2'] })], { addressType: 'IPv6' }),
    ];
    expect(ask('redis.shop.svc.cluster.local', 'A', { ...shop, endpointSlices })).toEqual(nothing);
  });

  test('says on which port and host a named port is served, and where the host is', () => {
    const { answers, additionals } = ask('_main._tcp.redis.shop.svc.cluster.local', 'SRV');
    expect(answers.map((answer) => answer.data)).toEqual([
      { priority: 0, weight: 100, port: 6379, target: 'redis-0.redis.shop.svc.cluster.local' },
      { priority: 0, weight: 100, port: 6379, target: 'redis-1.redis.shop.svc.cluster.local' },
    ]);
    expect(additionals.map((record) => record.data)).toEqual(['10.64.0.0', '10.64.0.1']);
    expect(data('_http._tcp.web.shop.svc.cluster.local', 'SRV')).toEqual([
      { priority: 0, weight: 100, port: 80, target: 'web.shop.svc.cluster.local' },
    ]);
    expect(ask('_http._udp.web.shop.svc.cluster.local', 'SRV')).toEqual(nothing);
  });

  test.each([
    'redis-2.redis.shop.svc.cluster.local',
    'redis.other.svc.cluster.local',
    'redis-0.redis',
    'redis-0.redis.cluster.local',
    'edis.shop.svc.cluster.local',
    'example.com',
  ])('does not know %s', (name) => {
    expect(ask(name)).toEqual(nothing);
    expect(ask(name, 'AAAA')).toEqual(nothing);
  });

  test('does not know a headless Service without ready endpoints, nor one that is a name elsewhere', () => {
    const services = [headless, service('mail', { type: 'ExternalName' })];
    for (const endpoints of [[endpoint(0, unready)], [], null as unknown as Endpoint[]]) {
      const named = { services, endpointSlices: [slice('redis', endpoints)] };
      expect(ask('redis.shop.svc.cluster.local', 'A', named)).toEqual(nothing);
      expect(ask('mail.shop.svc.cluster.local', 'A', named)).toEqual(nothing);
    }
  });

  test.each([
    ['redis.shop.svc.cluster.local', 'AAAA'],
    ['redis-0.redis.shop.svc.cluster.local', 'AAAA'],
    ['web.shop.svc.cluster.local', 'SRV'],
    ['_tcp.redis.shop.svc.cluster.local', 'A'],
    ['shop.svc.cluster.local', 'A'],
    ['cluster.local', 'A'],
  ] as const)('knows %s and has no %s for it', (name, type) => {
    expect(ask(name, type)).toEqual(noData);
  });

  test('compares names without their case, and gives them back as they were asked for', () => {
    const name = 'Redis-0.redis.SHOP.svc.cluster.local';
    expect(ask(name).answers).toEqual([{ type: 'A', name, ttl: 5, data: '10.64.0.0' }]);
  });
});

describe('the DNS server', () => {
  let server: DnsServer | undefined;
  afterEach(() => server?.close());

  async function serve(named: Named): Promise<promises.Resolver> {
    const lists: Partial<Record<Resource, readonly object[]>> = {
      services: named.services,
      endpointslices: named.endpointSlices,
    };
    const store = { list: (resource: Resource) => lists[resource] ?? [] } as Pick<Objects, 'list'>;
    server = await startDnsServer({ address: '127.0.0.1', port: 0, store, say: console.warn });
    const resolver = new promises.Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers([`127.0.0.1:${server.port}`]);
    return resolver;
  }

  test('answers a resolver', async () => {
    const resolver = await serve(shop);
    expect(await resolver.resolve4('redis.shop.svc.cluster.local')).toEqual(['10.64.0.0', '10.64.0.1']);
    expect(await resolver.resolveSrv('_http._tcp.web.shop.svc.cluster.local')).toMatchObject([
      { priority: 0, weight: 100, port: 80, name: 'web.shop.svc.cluster.local' },
    ]);
    await expect(resolver.resolve6('web.shop.svc.cluster.local')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4('nobody.shop.svc.cluster.local')).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
  });

  test('answers by TCP what is too much for UDP', async () => {
    const many = Array.from({ length: 200 }, (_, n) => endpoint(n));
    const resolver = await serve({ ...shop, endpointSlices: [slice('redis', many)] });
    expect(await resolver.resolve4('redis.shop.svc.cluster.local')).toHaveLength(200);
  });

  test('survives what is no query', async () => {
    const resolver = await serve(shop);
    const socket = createSocket('udp4');
    for (const message of ['x', '\0'.repeat(12), `${'\0'.repeat(5)}\u0001${'\xff'.repeat(20)}`])
      await new Promise((resolve) => socket.send(message, server?.port ?? 0, '127.0.0.1', resolve));
    socket.close();
    expect(await resolver.resolve4('web.shop.svc.cluster.local')).toEqual(['172.20.3.4']);
  });
});
