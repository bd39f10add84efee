import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { obtainBinaries } from '../../src/rehearsal/control-plane/binaries.ts';
import { releaseOf } from '../../src/rehearsal/control-plane/versions.ts';
import type { Runtime } from '../../src/rehearsal/kubelet/runtime.ts';
import type { Objects } from '../../src/rehearsal/kubernetes/store.ts';
import {
  type RealCluster,
  type RealClusterOptions,
  startRealCluster,
} from '../../src/rehearsal/real-cluster.ts';
import { account } from '../../src/rehearsal/scenario/account.ts';
import type { Machine } from '../../src/rehearsal/world/machine.ts';
import { claimNetwork } from '../../src/rehearsal/world/network.ts';
import { instanceOf } from '../contract/machines.ts';

export const release = releaseOf(process.env.EKS_ROLLING_RELEASE ?? 'newest');

export interface EmptyCluster {
  cluster: RealCluster;
  /** The network of the cluster, by its first two numbers. */
  network: string;
  /** A kubeconfig of an administrator. */
  kubeconfig: string;
  /** Powers on a machine that no Auto Scaling Group knows. */
  boot(machine: Machine): void;
  /** Power off; with `gone` the instance no longer exists. */
  halt(instanceId: string, gone: boolean): void;
  close(): Promise<void>;
}

/** What the machines of an empty cluster run pods with. */
export interface RuntimePlace {
  directory: string;
  network: string;
  nameserver: string;
  store: Objects;
}

/** A real control plane without a single machine. */
export async function emptyCluster(
  runtime: (place: RuntimePlace) => Runtime,
  options: Pick<RealClusterOptions, 'mayStart'> = {},
): Promise<EmptyCluster> {
  const { prefix: network, release: releaseNetwork } = await claimNetwork(10);
  const directory = mkdtempSync(join(tmpdir(), 'real-'));
  const { cluster, endpoints } = await startRealCluster({
    binaries: await obtainBinaries(release, process.env, console.log),
    seed: 1,
    description: { ...account(), groups: [] },
    factor: 1000,
    directory,
    network,
    runtime: (store, nameserver) => runtime({ directory, network, nameserver, store }),
    ...options,
    say: (line) => console.warn(line),
  });
  return {
    cluster,
    network,
    kubeconfig: endpoints.api.kubeconfig(),
    boot(machine) {
      cluster.aws.instances.set(machine.instanceId, instanceOf(machine, cluster.clock.now()));
      cluster.machines.boot(machine);
    },
    halt(instanceId, gone) {
      const name = cluster.aws.instances.get(instanceId)?.privateDnsName ?? '';
      cluster.machines.halt(instanceId);
      if (!gone) return;
      cluster.aws.instances.delete(instanceId);
      cluster.store.remove('nodes', { name });
    },
    async close() {
      await endpoints.close();
      await cluster.stop();
      releaseNetwork();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
