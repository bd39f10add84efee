import type {
  Affinity,
  Container,
  DaemonSet,
  Deployment,
  Labels,
  PodDisruptionBudget,
  PodSpec,
  Service,
  StatefulSet,
  Toleration,
} from '../../cluster/objects.ts';
import type { ObjectOf, Resource } from '../../cluster/resources.ts';

/** https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/#nlb-target-type */
export const instanceTargets = { 'service.beta.kubernetes.io/aws-load-balancer-nlb-target-type': 'instance' };

/** One object to create at the start of the scenario. */
export type Manifest = { [R in Resource]: { resource: R; object: ObjectOf[R] } }[Resource];

export interface WorkloadOptions {
  namespace: string;
  name: string;
  image: string;
  replicas?: number;
  cpu?: string;
  memory?: string;
  port?: number;
  args?: string[];
  env?: Record<string, string>;
  /** Path of an HTTP readiness probe; without it a TCP probe when there is a port. */
  readyPath?: string;
  /** Seconds a pod goes on serving after it was told to leave, so that load balancers can learn of it. */
  lingerSeconds?: number;
  graceSeconds?: number;
  nodeSelector?: Labels;
  tolerations?: Toleration[];
  priorityClassName?: string;
  labels?: Labels;
  /** At most one pod per node: `required`, or only `preferred`. */
  apart?: 'required' | 'preferred';
  spread?: boolean;
  hostNetwork?: boolean;
}

const labelsOf = (o: WorkloadOptions): Labels => ({ app: o.name, ...o.labels });

function container(o: WorkloadOptions): Container {
  const probe = o.readyPath
    ? { httpGet: { path: o.readyPath, port: o.port ?? 80 } }
    : { tcpSocket: { port: o.port ?? 80 } };
  return {
    name: o.name,
    image: o.image,
    ...(o.args ? { args: o.args } : {}),
    env: Object.entries(o.env ?? {}).map(([name, value]) => ({ name, value })),
    ...(o.port
      ? { ports: [{ name: 'main', containerPort: o.port }], readinessProbe: { ...probe, periodSeconds: 1 } }
      : {}),
    ...(o.lingerSeconds ? { lifecycle: { preStop: { sleep: { seconds: o.lingerSeconds } } } } : {}),
    resources: { requests: { cpu: o.cpu ?? '100m', memory: o.memory ?? '128Mi' } },
  };
}

function podSpec(o: WorkloadOptions): PodSpec {
  return {
    containers: [container(o)],
    terminationGracePeriodSeconds: o.graceSeconds ?? 30,
    ...(o.nodeSelector ? { nodeSelector: o.nodeSelector } : {}),
    ...(o.tolerations ? { tolerations: o.tolerations } : {}),
    ...(o.priorityClassName ? { priorityClassName: o.priorityClassName } : {}),
    ...(o.hostNetwork ? { hostNetwork: true } : {}),
    ...(o.apart ? { affinity: apart(labelsOf(o), o.apart) } : {}),
    ...(o.spread
      ? {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'topology.kubernetes.io/zone',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labelsOf(o) },
            },
          ],
        }
      : {}),
  };
}

function apart(matchLabels: Labels, how: 'required' | 'preferred'): Affinity {
  const term = { labelSelector: { matchLabels }, topologyKey: 'kubernetes.io/hostname' };
  return {
    podAntiAffinity:
      how === 'required'
        ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
        : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }] },
  };
}

const metadata = (o: { namespace: string; name: string }, labels?: Labels) => ({
  name: o.name,
  namespace: o.namespace,
  ...(labels ? { labels } : {}),
});

export function deployment(o: WorkloadOptions): Manifest {
  const object: Deployment = {
    metadata: metadata(o, labelsOf(o)),
    spec: {
      replicas: o.replicas ?? 1,
      selector: { matchLabels: { app: o.name } },
      template: { metadata: { labels: labelsOf(o) }, spec: podSpec(o) },
    },
  };
  return { resource: 'deployments', object };
}

/** Eight gibibytes on a zonal disk. */
const claim = {
  storageClassName: 'gp3',
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '8Gi' } },
};

/** A DaemonSet that tolerates every taint; with `volume` each pod has a volume that lives as long as the pod does. */
export function daemonSet(o: WorkloadOptions & { volume?: string }): Manifest {
  const spec = { ...podSpec(o), tolerations: [{ operator: 'Exists' as const }] };
  if (o.volume) {
    for (const c of spec.containers) c.volumeMounts = [{ name: 'data', mountPath: o.volume }];
    spec.volumes = [{ name: 'data', ephemeral: { volumeClaimTemplate: { spec: claim } } }];
  }
  const object: DaemonSet = {
    metadata: metadata(o, labelsOf(o)),
    spec: {
      selector: { matchLabels: { app: o.name } },
      template: { metadata: { labels: labelsOf(o) }, spec },
    },
  };
  return { resource: 'daemonsets', object };
}

/** A StatefulSet; with `volume` each pod has a claim of its own on zonal storage. */
export function statefulSet(o: WorkloadOptions & { parallel?: boolean; volume?: string }): Manifest {
  const spec = podSpec(o);
  if (o.volume) for (const c of spec.containers) c.volumeMounts = [{ name: 'data', mountPath: o.volume }];
  const object: StatefulSet = {
    metadata: metadata(o, labelsOf(o)),
    spec: {
      replicas: o.replicas ?? 1,
      serviceName: o.name,
      selector: { matchLabels: { app: o.name } },
      podManagementPolicy: o.parallel ? 'Parallel' : 'OrderedReady',
      template: { metadata: { labels: labelsOf(o) }, spec },
      ...(o.volume ? { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }] } : {}),
    },
  };
  return { resource: 'statefulsets', object };
}

export function service(o: {
  namespace: string;
  name: string;
  port: number;
  headless?: boolean;
  balanced?: boolean;
  /** The load balancer sends its requests to nodes, not to pods; with `local` only to nodes that run one of its pods. */
  throughNodes?: 'anywhere' | 'local';
}): Manifest {
  const object: Service = {
    metadata: { ...metadata(o), ...(o.throughNodes ? { annotations: instanceTargets } : {}) },
    spec: {
      type: o.balanced || o.throughNodes ? 'LoadBalancer' : 'ClusterIP',
      ...(o.throughNodes === 'local' ? { externalTrafficPolicy: 'Local' as const } : {}),
      ...(o.headless ? { clusterIP: 'None' } : {}),
      selector: { app: o.name },
      ports: [{ name: 'main', port: o.port, targetPort: o.port }],
    },
  };
  return { resource: 'services', object };
}

/** A PodDisruptionBudget for the pods of the workload with the same name. */
export function budget(
  namespace: string,
  name: string,
  limit: { minAvailable: number | string } | { maxUnavailable: number | string },
): Manifest {
  const object: PodDisruptionBudget = {
    metadata: { namespace, name },
    spec: { selector: { matchLabels: { app: name } }, ...limit },
  };
  return { resource: 'poddisruptionbudgets', object };
}
