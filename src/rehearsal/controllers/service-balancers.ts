import { instanceIdOf, nodeReady } from '../../cluster/members.ts';
import type { Node, Service } from '../../cluster/objects.ts';
import type { Balancing } from '../aws/balancing.ts';
import type { Store } from '../kubernetes/store.ts';
import { instanceTargets } from '../scenario/objects.ts';
import type { WorldClock } from '../world/clock.ts';
import { keyOf, refOf, Worker } from './worker.ts';

export interface ServiceBalancersOptions {
  store: Store;
  clock: WorldClock;
  balancing: Balancing;
}

/** How late the controller reacts. */
const latencyMs = 1000;

/**
 * Gives every Service that asks for instance targets a network load balancer of the account, and keeps the nodes that may
 * have requests as its targets, as the cloud provider's service controller and AWS Load Balancer Controller do.
 */
export function startServiceBalancers({ store, clock, balancing }: ServiceBalancersOptions): () => void {
  const balanced = new Set<string>();
  const worker = new Worker(clock, (key) => reconcile(store, balancing, key));
  store.subscribe('services', ({ type, object }) => {
    const key = keyOf(object);
    if (!throughNodes(object)) return;
    if (type === 'DELETED') {
      balanced.delete(key);
      balancing.remove(nameOf(object));
      return;
    }
    balanced.add(key);
    worker.enqueue(key, latencyMs);
  });
  store.subscribe('nodes', () => {
    for (const key of balanced) worker.enqueue(key, latencyMs);
  });
  store.subscribe('endpointslices', ({ object }) => {
    const key = `${object.metadata.namespace}/${object.metadata.labels?.['kubernetes.io/service-name']}`;
    if (balanced.has(key)) worker.enqueue(key, latencyMs);
  });
  return () => worker.stop();
}

const throughNodes = ({ metadata, spec }: Service): boolean =>
  spec.type === 'LoadBalancer' &&
  Object.entries(instanceTargets).every(([key, value]) => metadata.annotations?.[key] === value);

const nameOf = ({ metadata }: Service): string => `k8s-${metadata.namespace}-${metadata.name}`;

/** Which nodes get requests: https://github.com/kubernetes/cloud-provider/blob/master/controllers/service/controller.go */
const mayHaveRequests = (node: Node): boolean =>
  nodeReady(node) &&
  node.metadata.labels?.['node.kubernetes.io/exclude-from-external-load-balancers'] === undefined &&
  !node.spec.taints?.some((t) => t.key === 'ToBeDeletedByClusterAutoscaler');

function reconcile(store: Store, balancing: Balancing, key: string): void {
  const service = store.get('services', refOf(key));
  if (!service) return;
  const { dnsName, targets } = balancing.create('network', nameOf(service));
  store.modify('services', service.metadata, (draft) => {
    draft.status = { loadBalancer: { ingress: [{ hostname: dnsName }] } };
  });
  const nodes = store.list('nodes').filter(mayHaveRequests);
  const wanted = new Map(
    nodes.flatMap((n) => (instanceIdOf(n) ? [[instanceIdOf(n) ?? '', n] as const] : [])),
  );
  const serving = nodesServing(store, service);
  const local = service.spec.externalTrafficPolicy === 'Local';
  for (const [id, node] of wanted) {
    balancing.answers(targets, id, local ? serving.has(node.metadata.name) : serving.size > 0);
    balancing.register(targets, id);
  }
  for (const [id, state] of balancing.targets.get(targets) ?? [])
    if (!wanted.has(id) && state !== 'draining') balancing.deregister(targets, id);
}

/** The nodes that run a ready pod of the Service. */
function nodesServing(store: Store, { metadata }: Service): Set<string> {
  const slices = store.list('endpointslices', {
    namespace: metadata.namespace ?? '',
    labelSelector: `kubernetes.io/service-name=${metadata.name}`,
  });
  return new Set(
    slices
      .flatMap((s) => s.endpoints)
      .flatMap((e) => (e.conditions?.ready !== false ? (e.nodeName ?? []) : [])),
  );
}
