import type { EndpointSlice, Pod, Service } from '../../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../../cluster/pods.ts';
import { matchesSelector } from '../../cluster/selectors.ts';
import type { Store } from '../kubernetes/store.ts';
import { type ControllerOptions, keyOf, ownedBy, refOf, Worker } from './worker.ts';

/** Keeps one EndpointSlice per Service with a selector. */
export function startEndpoints({ store, clock }: ControllerOptions): () => void {
  const worker = new Worker(clock, (key) => reconcile(store, key));
  store.subscribe('services', ({ object }) => worker.enqueue(keyOf(object)));
  store.subscribe('pods', ({ object, previous }) => {
    for (const service of store.list('services', { namespace: object.metadata.namespace ?? '' })) {
      if (selects(service, object) || (previous && selects(service, previous)))
        worker.enqueue(keyOf(service));
    }
  });
  return () => worker.stop();
}

const selects = (service: Service, pod: Pod): boolean =>
  service.spec.selector !== undefined &&
  matchesSelector({ matchLabels: service.spec.selector }, pod.metadata.labels);

function reconcile(store: Store, key: string): void {
  const service = store.get('services', refOf(key));
  if (!service?.spec.selector) return;
  const namespace = service.metadata.namespace ?? '';
  const pods = store
    .list('pods', { namespace })
    .filter((pod) => selects(service, pod) && pod.status?.podIP && !isFinished(pod));
  const ref = { namespace, name: `${service.metadata.name}-endpoints` };
  const slice: Pick<EndpointSlice, 'endpoints' | 'ports'> = {
    endpoints: pods.map((pod) => endpointOf(store, service, pod)),
    ports: (service.spec.ports ?? []).map((port) => ({
      ...(port.name ? { name: port.name } : {}),
      port: portNumber(port.targetPort ?? port.port, pods[0]),
      protocol: 'TCP',
    })),
  };
  const changed = store.modify('endpointslices', ref, (draft) => {
    Object.assign(draft, slice);
  });
  if (changed) return;
  store.create('endpointslices', {
    metadata: {
      ...ref,
      labels: { 'kubernetes.io/service-name': service.metadata.name },
      ownerReferences: ownedBy(service),
    },
    addressType: 'IPv4',
    ...slice,
  });
}

/** https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions */
function endpointOf(store: Store, service: Service, pod: Pod): EndpointSlice['endpoints'][number] {
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const zone = store.get('nodes', { name: pod.spec.nodeName ?? '' })?.metadata.labels?.[
    'topology.kubernetes.io/zone'
  ];
  return {
    addresses: [pod.status?.podIP ?? ''],
    conditions: {
      ready: service.spec.publishNotReadyAddresses ? true : serving && !terminating,
      serving,
      terminating,
    },
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(pod.spec.hostname ? { hostname: pod.spec.hostname } : {}),
    targetRef: {
      kind: 'Pod',
      name: pod.metadata.name,
      namespace: pod.metadata.namespace ?? '',
      uid: pod.metadata.uid ?? '',
    },
  };
}

function portNumber(port: number | string, pod: Pod | undefined): number {
  if (typeof port === 'number') return port;
  const named = pod?.spec.containers.flatMap((c) => c.ports ?? []).find((p) => p.name === port);
  return named?.containerPort ?? Number(port);
}
