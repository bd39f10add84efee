import type { AwsDescription } from '../../../src/rehearsal/aws/state.ts';
import { createEmbeddedCluster } from '../../../src/rehearsal/embedded-cluster.ts';
import { weightlessRuntime } from '../../../src/rehearsal/kubelet/runtime.ts';
import { inProcessKubernetes } from '../../../src/rehearsal/kubernetes/in-process.ts';
import { account } from '../../../src/rehearsal/scenario/account.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { instanceOf } from '../machines.ts';
import type { PlayedCluster } from './cluster.ts';

/**
 * The embedded cluster in this process, whose time passes only while somebody waits for it.
 * @param version the Kubernetes that it is, for example `1.36`
 */
export function embeddedCluster(
  seed: number,
  version = account().version,
): PlayedCluster & { stop(): Promise<void> } {
  const clock = new VirtualClock();
  const description: AwsDescription = { ...account(), version, groups: [] };
  const cluster = createEmbeddedCluster({ clock, seed, description, factor: 10, runtime: weightlessRuntime });
  let sleepers = 0;
  let driving: Promise<void> | undefined;
  const drive = async () => {
    while (sleepers > 0) await clock.advance(100);
    driving = undefined;
  };
  return {
    kubernetes: inProcessKubernetes(cluster.registry),
    boot(machine) {
      cluster.aws.instances.set(machine.instanceId, instanceOf(machine, clock.now()));
      cluster.machines.boot(machine);
    },
    halt(instanceId) {
      cluster.aws.instances.delete(instanceId);
      cluster.machines.halt(instanceId);
    },
    async pause(ms) {
      sleepers++;
      const slept = clock.sleep(ms);
      driving ??= drive();
      // What goes wrong in the cluster's own time goes wrong for everybody who waits.
      await Promise.race([slept, driving]);
      sleepers--;
    },
    stop: () => cluster.stop(),
  };
}
