import type {
  Deployment,
  Node,
  Pod,
  PodSpec,
  ReplicaSet,
  StatefulSet,
  Taint,
  Toleration,
} from '../../cluster/objects.ts';
import type { ObjectOf, Resource } from '../../cluster/resources.ts';

/** What the API server fills in when the writer left it out; only what some reader relies on. */
export function withDefaults<R extends Resource>(resource: R, given: ObjectOf[R]): ObjectOf[R] {
  const object = structuredClone(given) as ObjectOf[Resource];
  switch (resource) {
    case 'pods':
      podDefaults((object as Pod).spec);
      (object as Pod).spec.tolerations = withNodeTolerations((object as Pod).spec.tolerations ?? []);
      (object as Pod).status ??= { phase: 'Pending' };
      break;
    case 'deployments': {
      const { spec } = object as Deployment;
      spec.replicas ??= 1;
      spec.progressDeadlineSeconds ??= 600;
      spec.strategy = { type: 'RollingUpdate', ...spec.strategy };
      Object.assign(spec, { revisionHistoryLimit: 10, ...spec });
      if (spec.strategy.type === 'RollingUpdate')
        spec.strategy.rollingUpdate = {
          maxSurge: '25%',
          maxUnavailable: '25%',
          ...spec.strategy.rollingUpdate,
        };
      podDefaults(spec.template.spec);
      break;
    }
    case 'replicasets': {
      const { spec } = object as ReplicaSet;
      spec.replicas ??= 1;
      podDefaults(spec.template.spec);
      break;
    }
    case 'statefulsets': {
      const { spec } = object as StatefulSet;
      spec.replicas ??= 1;
      spec.podManagementPolicy ??= 'OrderedReady';
      spec.updateStrategy ??= { type: 'RollingUpdate', rollingUpdate: { partition: 0 } };
      podDefaults(spec.template.spec);
      break;
    }
    case 'daemonsets':
      podDefaults((object as ObjectOf['daemonsets']).spec.template.spec);
      break;
    case 'horizontalpodautoscalers':
      (object as ObjectOf['horizontalpodautoscalers']).spec.minReplicas ??= 1;
      break;
    case 'services':
      (object as ObjectOf['services']).spec.type ??= 'ClusterIP';
      break;
    case 'namespaces': {
      const { name } = object.metadata;
      object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': name };
      Object.assign(object, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
      break;
    }
    case 'nodes':
      nodeDefaults(object as Node);
      break;
    case 'persistentvolumeclaims':
      (object as ObjectOf['persistentvolumeclaims']).status ??= { phase: 'Pending' };
      break;
  }
  return object as ObjectOf[R];
}

/** The admission plugin TaintNodesByCondition: nothing is put on a node before its kubelet has said that it is ready. */
function nodeDefaults(node: Node): void {
  node.spec ??= {};
  const taints = node.spec.taints ?? [];
  if (!taints.some((t) => t.key === notReady.key && t.effect === notReady.effect))
    node.spec.taints = [...taints, notReady];
}

const notReady: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

function podDefaults(spec: PodSpec): void {
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ??= 'default-scheduler';
  Object.assign(spec, { dnsPolicy: 'ClusterFirst', ...spec });
}

/** The admission plugin DefaultTolerationSeconds: five minutes on a node that is not ready or not reachable. */
function withNodeTolerations(tolerations: Toleration[]): Toleration[] {
  const added: Toleration[] = [];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const covered = tolerations.some(
      (t) => (t.key === key || !t.key) && (!t.effect || t.effect === 'NoExecute'),
    );
    if (!covered) added.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
  }
  return [...tolerations, ...added];
}
