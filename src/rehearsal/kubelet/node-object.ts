import type { Condition, Node } from '../../cluster/objects.ts';
import { rfc3339 } from '../../cluster/times.ts';
import type { Machine } from '../world/machine.ts';

export const notReadyTaint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

/** The Node object as a kubelet registers it: labels and taints from its bootstrap arguments, and not ready yet. */
export function nodeObject(machine: Machine, now: number, kubeletPort?: number): Node {
  const resources = {
    cpu: '2',
    memory: '8Gi',
    pods: '29',
    'ephemeral-storage': '80Gi',
    ...machine.allocatable,
  };
  return {
    metadata: {
      name: machine.privateDnsName,
      // Without it the control plane leaves volumes alone.
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
      labels: {
        'kubernetes.io/hostname': machine.privateDnsName,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/zone': machine.zone,
        'topology.kubernetes.io/region': machine.region,
        'node.kubernetes.io/instance-type': machine.instanceType,
        ...machine.labels,
      },
    },
    spec: {
      providerID: `aws:///${machine.zone}/${machine.instanceId}`,
      taints: [...machine.taints, notReadyTaint],
    },
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address: machine.privateIp },
        { type: 'Hostname', address: machine.privateDnsName },
      ],
      nodeInfo: {
        kubeletVersion: 'v1.36.0-eks-rehearsal',
        osImage: 'Amazon Linux 2023',
        architecture: 'amd64',
      },
      conditions: conditions(false, now),
      ...(kubeletPort === undefined
        ? {}
        : {
            daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
            declaredFeatures: ['ExtendWebSocketsToKubelet'],
          }),
    },
  };
}

/** The conditions as the kubelet posts them now; what has not changed since `before` keeps its transition time. */
export function conditions(ready: boolean, now: number, before: readonly Condition[] = []): Condition[] {
  const time = rfc3339(now);
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): Condition => {
    const old = before.find((c) => c.type === type);
    const since = old?.status === status ? (old.lastTransitionTime ?? time) : time;
    return { type, status, reason, message, lastHeartbeatTime: time, lastTransitionTime: since };
  };
  return [
    condition(
      'MemoryPressure',
      'False',
      'KubeletHasSufficientMemory',
      'kubelet has sufficient memory available',
    ),
    condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    ready
      ? condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status')
      : condition(
          'Ready',
          'False',
          'KubeletNotReady',
          'container runtime network not ready: cni plugin not initialized',
        ),
  ];
}
