import { promises as dns } from 'node:dns';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isReady } from '../../src/cluster/pods.ts';
import { ask } from '../../src/rehearsal/images/ask.ts';
import { processRuntime } from '../../src/rehearsal/kubelet/process-runtime.ts';
import { podDiscovery } from '../../src/rehearsal/rehearse/discovery.ts';
import { findRedisServer } from '../../src/rehearsal/rehearse/redis-server.ts';
import { deployment, service, statefulSet } from '../../src/rehearsal/scenario/objects.ts';
import { eventually } from '../contract/eventually.ts';
import { machineFor } from '../contract/machines.ts';
import { type EmptyCluster, emptyCluster, release } from './cluster.ts';
import { execute } from './exec.ts';

const redisServer = findRedisServer();
if (!redisServer) console.warn('redis-server is not installed: no pod here is a process of Redis.');

const shop = 'shop';
const elsewhere = 'elsewhere';
const port = 6379;
const soonMs = 15_000;
const workloads = [
  { resource: 'namespaces' as const, object: { metadata: { name: shop } } },
  { resource: 'namespaces' as const, object: { metadata: { name: elsewhere } } },
  service({ namespace: shop, name: 'redis', port, headless: true }),
  statefulSet({
    namespace: shop,
    name: 'redis',
    image: 'redis',
    replicas: 2,
    port,
    env: { SENTINEL_SELECTOR: 'app=none' },
    // Long enough to see the name gone.
    lingerSeconds: 1,
  }),
  deployment({ namespace: elsewhere, name: 'client', image: 'client' }),
];

let real: EmptyCluster;
let dnsAddress: string;
const resolver = new dns.Resolver({ timeout: 1000, tries: 2 });

const readyPods = (namespace: string) => real.cluster.store.list('pods', { namespace }).filter(isReady);
const addressOf = (name: string): string =>
  readyPods(shop).find((pod) => pod.metadata.name === name)?.status?.podIP ?? '';
const fullName = (name: string): string => `${name}.${shop}.svc.cluster.local`;
/** The addresses, or why there are none. */
const resolved = (name: string): Promise<string[] | string> =>
  resolver.resolve4(name).then(
    (addresses) => addresses.sort(),
    (error) => error.code,
  );

/** The address that a process in the pod finds, if any. */
async function lookUp(namespace: string, pod: string, name: string): Promise<string | undefined> {
  const { controlPlane } = real.cluster;
  const found = await execute(controlPlane, { namespace, name: pod }, ['getent', 'ahostsv4', name]);
  return found.success ? found.stdout.split(' ')[0] : undefined;
}

beforeAll(async () => {
  real = await emptyCluster((place) => {
    dnsAddress = place.nameserver;
    const discovery = podDiscovery(place.store);
    return processRuntime({ ...place, discovery, ...(redisServer ? { redisServer } : {}) });
  });
  resolver.setServers([dnsAddress]);
  real.boot(machineFor(0, `i-${real.cluster.random.hex(17)}`, { zone: 'eu-west-1a' }));
  await real.cluster.apply(workloads);
  const running = () => readyPods(shop).length === 2 && readyPods(elsewhere).length === 1;
  await eventually('three pods are ready', running, 60_000);
});
afterAll(() => real.close());

describe(`the DNS on Kubernetes ${release.kubernetes}`, () => {
  test('knows a headless Service and its pods', async () => {
    const both = ['redis-0', 'redis-1'].map(addressOf).sort();
    await eventually(
      'both pods are endpoints',
      async () => (await resolved(fullName('redis'))).length === 2,
      soonMs,
    );
    expect(await resolved(fullName('redis'))).toEqual(both);
    expect(await resolved(fullName('redis-1.redis'))).toEqual([addressOf('redis-1')]);
    const served = await resolver.resolveSrv(fullName('_main._tcp.redis'));
    expect(served.map((record) => `${record.name}:${record.port}`).sort()).toEqual([
      `${fullName('redis-0.redis')}:${port}`,
      `${fullName('redis-1.redis')}:${port}`,
    ]);
  });

  test('knows Services with an address, itself among them', async () => {
    expect(await resolved('kube-dns.kube-system.svc.cluster.local')).toEqual([dnsAddress]);
    expect(await resolved('kubernetes.default.svc.cluster.local')).toEqual([`${real.network}.128.1`]);
  });

  test('does not know what is not there', async () => {
    expect(await resolved(fullName('redis-2.redis'))).toBe('ENOTFOUND');
    await expect(resolver.resolve6(fullName('redis'))).rejects.toMatchObject({ code: 'ENODATA' });
  });

  test('is asked by processes in pods, in their own namespace first', async () => {
    const [client] = readyPods(elsewhere);
    const name = client?.metadata.name ?? '';
    expect(await lookUp(shop, 'redis-1', 'redis-0.redis')).toBe(addressOf('redis-0'));
    expect(await lookUp(elsewhere, name, 'redis-0.redis.shop')).toBe(addressOf('redis-0'));
    expect(await lookUp(elsewhere, name, 'redis-0.redis')).toBeUndefined();
  });

  test('forgets a pod that leaves, and finds it where it comes back', async () => {
    const before = addressOf('redis-0');
    await real.cluster.kubernetes.remove('pods', { namespace: shop, name: 'redis-0' });
    const name = fullName('redis-0.redis');
    await eventually('the name is gone', async () => (await resolved(name)) === 'ENOTFOUND', soonMs);
    await eventually(
      'the name is back, with the new address',
      async () => {
        const now = addressOf('redis-0');
        return now !== before && (await resolved(name))[0] === now;
      },
      soonMs,
    );
  });

  (redisServer ? test : test.skip)(
    'leads a replica to its master by a short name, wherever that is',
    async () => {
      const replica = addressOf('redis-1');
      const linked = async (): Promise<boolean> =>
        /master_host:redis-0\.redis\r\n.*master_link_status:up/s.test(
          String(await ask(replica, port, 'INFO', 'replication')),
        );
      expect(await ask(replica, port, 'REPLICAOF', 'redis-0.redis', port)).toBe('OK');
      await eventually('the replica follows', linked, soonMs);
      await real.cluster.kubernetes.remove('pods', { namespace: shop, name: 'redis-0' });
      await eventually('the replica has lost its master', async () => !(await linked()), soonMs);
      await eventually('the replica follows again', linked, soonMs);
    },
  );
});
