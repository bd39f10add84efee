import type { AwsDescription } from '../aws/state.ts';
import { account } from './account.ts';
import { budget, deployment, type Manifest, service } from './objects.ts';
import { shop } from './shop.ts';

/** How large a cluster is rehearsed. */
export interface Crowd {
  nodes: number;
  /** Besides those of kube-system. */
  pods: number;
  /** Those of them that serve requests as processes; every other one is weightless, or works off the queue. */
  serving: number;
}

const podsPerNode = 25;

/** Each node carries 25 pods, and one of them serves. */
export const crowdOf = (nodes: number): Crowd => ({ nodes, pods: nodes * podsPerNode, serving: nodes });

/** The account of the shop with as many nodes as wanted: three quarters in one group, the rest in another, all in three zones. */
export function crowdAccount({ nodes }: Crowd): AwsDescription {
  const description = account();
  for (const template of description.templates)
    for (const version of template.versions) version.instanceType = 'm5.xlarge';
  const [general, second] = description.groups;
  if (!general || !second) throw new Error('The account of the shop has two groups.');
  const others = Math.floor(nodes / 4);
  const sized = (desired: number) => ({ min: desired, max: desired, desired });
  description.groups = [
    { ...general, ...sized(nodes - others) },
    {
      ...second,
      ...sized(others),
      taints: [],
      subnets: general.subnets.map((s) => ({ ...s, id: s.id.replace('general', 'data') })),
    },
  ];
  return description;
}

/** Where the pods live that nobody watches. */
const backOffice = 'back-office';
const perDeployment = 20;
const orders = 2;

/** Longer than in the small shop: a machine that is this busy is told late of what changed. */
const lingerSeconds = 8;

/** Three services behind balancers, one of them a single replica; consumers of the queue; and a back office without weight. */
export function crowdWorkloads({ pods, serving }: Crowd, queueUrl: string): Manifest[] {
  const api = Math.floor(serving / 3);
  const served = { web: serving - api - 1, api, checkout: 1 };
  const idle = pods - serving - orders;
  const sizes = Array.from({ length: Math.ceil(idle / perDeployment) }, (_, i) =>
    Math.min(perDeployment, idle - i * perDeployment),
  );
  return [
    { resource: 'namespaces', object: { metadata: { name: shop } } },
    ...Object.entries(served).flatMap(([name, replicas]) => servingWorkload(name, replicas)),
    deployment({
      namespace: shop,
      name: 'orders',
      image: 'queue-consumer',
      replicas: orders,
      env: { QUEUE_URL: queueUrl },
    }),
    budget(shop, 'orders', { maxUnavailable: 1 }),
    { resource: 'namespaces', object: { metadata: { name: backOffice } } },
    ...sizes.flatMap((replicas, i) => idleWorkload(`office-${i + 1}`, replicas)),
  ];
}

function servingWorkload(name: string, replicas: number): Manifest[] {
  return [
    deployment({
      namespace: shop,
      name,
      image: 'web',
      replicas,
      port: 8080,
      readyPath: '/ready',
      lingerSeconds,
      env: { PORT: '8080' },
      spread: true,
    }),
    budget(shop, name, replicas === 1 ? { minAvailable: 1 } : { maxUnavailable: '25%' }),
    service({ namespace: shop, name, port: 8080, balanced: true }),
  ];
}

const idleWorkload = (name: string, replicas: number): Manifest[] => [
  deployment({ namespace: backOffice, name, image: 'office', replicas, cpu: '50m', memory: '64Mi' }),
  budget(backOffice, name, { maxUnavailable: '25%' }),
];
