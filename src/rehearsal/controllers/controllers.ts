import { startAutoscalers } from './autoscaling.ts';
import { startBudgets } from './budgets.ts';
import { startCsiDriver } from './csi-driver.ts';
import { startDaemonSets } from './daemonset.ts';
import { startDeployments } from './deployment.ts';
import { startEndpoints } from './endpoints.ts';
import { startEphemeralVolumes } from './ephemeral-volumes.ts';
import { startNamespaces } from './namespaces.ts';
import { startNodeLifecycle } from './node-lifecycle.ts';
import { startPodGarbage } from './pod-garbage.ts';
import { startReplicaSets } from './replicaset.ts';
import { startStatefulSets } from './statefulset.ts';
import { startVolumes } from './volumes.ts';
import type { ControllerOptions } from './worker.ts';

const all = [
  startDeployments,
  startAutoscalers,
  startReplicaSets,
  startStatefulSets,
  startDaemonSets,
  startBudgets,
  startEndpoints,
  startNamespaces,
  startNodeLifecycle,
  startPodGarbage,
  startEphemeralVolumes,
  startVolumes,
  startCsiDriver,
];

/** The controller manager: every controller of the embedded cluster, and the namespaces a cluster is born with. */
export function startControllers(options: ControllerOptions): { stop(): void } {
  for (const name of ['default', 'kube-system', 'kube-node-lease']) {
    if (!options.store.get('namespaces', { name }))
      options.store.create('namespaces', { metadata: { name }, status: { phase: 'Active' } });
  }
  const stops = all.map((start) => start(options));
  return {
    stop() {
      for (const stop of stops) stop();
    },
  };
}
