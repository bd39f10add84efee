import { budget, deployment, type Manifest, service, statefulSet } from './objects.ts';

/** Everything the rehearsed business runs lives here. */
export const shop = 'shop';

/** Pods linger longer than the slowest load balancer takes to learn that they leave. */
const lingerSeconds = 4;

/** A web shop: six replicas behind the balancer, one lonely checkout that must never be absent, and order workers. */
export function webWorkloads(queueUrl: string): Manifest[] {
  const serving = {
    namespace: shop,
    port: 8080,
    readyPath: '/ready',
    lingerSeconds,
    image: 'web',
    env: { PORT: '8080' },
  };
  return [
    { resource: 'namespaces', object: { metadata: { name: shop } } },
    deployment({ ...serving, name: 'web', replicas: 6, cpu: '250m', spread: true }),
    budget(shop, 'web', { maxUnavailable: 2 }),
    service({ namespace: shop, name: 'web', port: 8080, balanced: true }),
    deployment({ ...serving, name: 'checkout', replicas: 1 }),
    budget(shop, 'checkout', { minAvailable: 1 }),
    service({ namespace: shop, name: 'checkout', port: 8080, balanced: true }),
    deployment({
      namespace: shop,
      name: 'orders',
      image: 'queue-consumer',
      replicas: 2,
      env: { QUEUE_URL: queueUrl },
    }),
    budget(shop, 'orders', { maxUnavailable: 1 }),
  ];
}

/** A catalog whose pods are bound to the zones of their volumes. */
export function catalogWorkloads(): Manifest[] {
  return [
    statefulSet({
      namespace: shop,
      name: 'catalog',
      image: 'search',
      replicas: 2,
      apart: 'preferred',
      nodeSelector: { role: 'general' },
      volume: '/data',
    }),
    budget(shop, 'catalog', { maxUnavailable: 1 }),
    service({ namespace: shop, name: 'catalog', port: 9200, headless: true }),
  ];
}

const dataNodes = {
  nodeSelector: { role: 'data' },
  tolerations: [
    { key: 'dedicated', operator: 'Equal' as const, value: 'data', effect: 'NoSchedule' as const },
  ],
};

const redis = { namespace: shop, ...dataNodes, cpu: '100m', graceSeconds: 20 };

/** A Sentinel set of one master, two replicas and three Sentinels, on the data group. */
export function sentinelWorkloads(): Manifest[] {
  return [
    statefulSet({
      ...redis,
      name: 'redis-cache',
      image: 'redis',
      replicas: 3,
      port: 6379,
      apart: 'preferred',
      parallel: true,
      env: { MODE: 'sentinel', MASTER_NAME: 'mymaster', SENTINEL_SELECTOR: 'app=redis-sentinel' },
    }),
    budget(shop, 'redis-cache', { maxUnavailable: 1 }),
    service({ namespace: shop, name: 'redis-cache', port: 6379, headless: true }),
    statefulSet({
      ...redis,
      name: 'redis-sentinel',
      image: 'sentinel',
      replicas: 3,
      port: 26379,
      apart: 'preferred',
      parallel: true,
      env: {
        MASTER_NAME: 'mymaster',
        QUORUM: '2',
        REDIS_SELECTOR: 'app=redis-cache',
        SENTINEL_SELECTOR: 'app=redis-sentinel',
      },
    }),
    budget(shop, 'redis-sentinel', { maxUnavailable: 1 }),
    service({ namespace: shop, name: 'redis-sentinel', port: 26379, headless: true }),
  ];
}

/** A Redis Cluster of three masters and three replicas with volumes, on the data group. */
export function clusterWorkloads(): Manifest[] {
  return [
    statefulSet({
      ...redis,
      name: 'redis-cluster',
      image: 'redis',
      replicas: 6,
      port: 6379,
      apart: 'preferred',
      parallel: true,
      volume: '/data',
      env: { MODE: 'cluster', NODE_TIMEOUT: '5000' },
    }),
    budget(shop, 'redis-cluster', { maxUnavailable: 1 }),
    service({ namespace: shop, name: 'redis-cluster', port: 6379, headless: true }),
  ];
}
