import { join } from 'node:path';
import type { Policy } from '../aws/rights.ts';
import { systemClock } from '../clock.ts';
import { instanceIdOf } from '../cluster/members.ts';
import type { Node, Pod } from '../cluster/objects.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import { type Resource, resources } from '../cluster/resources.ts';
import { kubernetesClient } from '../kubernetes/client.ts';
import { shippedPolicy } from './aws/policy.ts';
import { awsEnvironment, startAwsServer } from './aws/server.ts';
import type { AwsDescription } from './aws/state.ts';
import { AwsWorld } from './aws/world.ts';
import type { Cluster, Endpoints } from './cluster.ts';
import type { Binaries } from './control-plane/binaries.ts';
import { type ControlPlane, startControlPlane } from './control-plane/control-plane.ts';
import { kubeconfigFor } from './control-plane/credentials.ts';
import { startDnsServer } from './control-plane/dns-server.ts';
import { grant } from './control-plane/grant.ts';
import { startKubeletServer } from './control-plane/kubelet-server.ts';
import { startMirror } from './control-plane/mirror.ts';
import { auditPolicy } from './control-plane/rights.ts';
import { controlPlaneAddress, kubeDns, serviceAddresses } from './control-plane/service-addresses.ts';
import { startCsiDriver } from './controllers/csi-driver.ts';
import type { Fault } from './faults/fault.ts';
import { FaultAtWork } from './faulty/at-work.ts';
import { createMachineRoom, type RunningMachineRoom } from './kubelet/machine-room.ts';
import { withPodDns } from './kubelet/pod-dns.ts';
import { podLog } from './kubelet/process-runtime.ts';
import type { Runtime } from './kubelet/runtime.ts';
import type { Objects } from './kubernetes/store.ts';
import { wallClock } from './world/clock.ts';
import { Random } from './world/random.ts';

export interface RealClusterOptions {
  binaries: Binaries;
  seed: number;
  description: AwsDescription;
  /** Boot and AWS durations are divided by this; the control plane's own times are what they are. */
  factor: number;
  /** For everything that is kept in files; the caller removes it. */
  directory: string;
  /** The first two numbers of the addresses of pods and Services, for example `10.64`: no other cluster's. */
  network: string;
  /** Told the address of the cluster's DNS. */
  runtime: (store: Objects, nameserver: string) => Runtime;
  /** Without it every pod may, once its volumes are there. */
  mayStart?: (pod: Pod) => boolean;
  fault?: Fault | undefined;
  /** What callers of AWS may do; without it what the policy of the docs gives them. */
  policy?: Policy | undefined;
  say: (line: string) => void;
}

export interface RealCluster extends Cluster {
  controlPlane: ControlPlane;
  /** As an administrator. */
  kubernetes: Kubernetes;
}

/** Who the suite is for the control plane: what EKS makes of the IAM role that the workflow assumes. */
export const suiteUser = { username: 'eks-rolling', groups: ['eks-rolling'] };

/** The only rights that the suite has here. */
export const rights = new URL('../../docs/rbac.yaml', import.meta.url);
const bootMs = { from: 30_000, to: 60_000 };
const unseen: readonly Resource[] = ['secrets', 'events', 'configmaps', 'jobs'];
const mirrored = (Object.keys(resources) as Resource[]).filter((r) => !unseen.includes(r));

/**
 * A whole cluster with a real control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes, the
 * kubelets and the AWS account those of the embedded cluster. Needs a network where 10.x addresses are local.
 */
export async function startRealCluster(
  options: RealClusterOptions,
): Promise<{ cluster: RealCluster; endpoints: Endpoints }> {
  const { directory, description, factor, seed, say } = options;
  const { region } = description;
  const services = serviceAddresses(options.network);
  const random = new Random(seed);
  const boots = random.fork();
  const over = new AbortController();
  const fault = new FaultAtWork(options.fault, { seed, factor });
  let machines: RunningMachineRoom | undefined;
  const room = (): RunningMachineRoom => {
    if (!machines) throw new Error('The machines are not there yet.');
    return machines;
  };

  const controlPlane = await startControlPlane({
    binaries: options.binaries,
    directory: join(directory, 'control-plane'),
    address: controlPlaneAddress(options.network),
    serviceNetwork: services.network,
    authenticate: (token) => (token.startsWith('k8s-aws-v1.') ? suiteUser : undefined),
    auditPolicy: auditPolicy(suiteUser.username),
  });
  await grant(controlPlane.connection, rights);
  const kubernetes = kubernetesClient(controlPlane.connection, systemClock, over.signal);
  const store = await startMirror(controlPlane.connection, kubernetes, mirrored, say);
  await kubernetes.create('services', kubeDns(services.dns));
  const dns = await startDnsServer({ address: services.dns, port: 53, store, say });
  const kubelets = await startKubeletServer({
    machines: room,
    client: controlPlane.credentials.kubeletClient,
    logOf(ref) {
      const pod = store.get('pods', ref);
      return pod && podLog(directory, pod);
    },
    commandIn(ref, command) {
      const pod = store.get('pods', ref);
      return pod ? withPodDns(command, pod, { nameserver: services.dns, directory }) : command;
    },
  });
  machines = createMachineRoom({
    store,
    clock: wallClock,
    random: random.fork(),
    runtime: options.runtime(store, services.dns),
    bootMs: (machine) => boots.between(bootMs.from, bootMs.to) / factor + fault.bootDelayMs(machine),
    startDelayMs: (pod) => fault.startDelayMs(pod),
    ...(options.mayStart ? { mayStart: options.mayStart } : {}),
    neverJoins: (machine) => fault.neverJoins(machine),
    kubeletPort: kubelets.port,
  });
  const csiDriver = startCsiDriver({ store, clock: wallClock, random: random.fork() });
  const aws = new AwsWorld({
    clock: wallClock,
    random: random.fork(),
    machineRoom: room(),
    description,
    factor,
    policy: options.policy ?? shippedPolicy(description.cluster),
    launchFailure: (group, zone, type) => fault.launchFailure(group, zone, type),
  });
  deleteNodesOfGoneInstances(store, aws);
  const awsServer = await startAwsServer({
    world: aws,
    cluster: () => ({ endpoint: controlPlane.url, certificate: controlPlane.certificate }),
    intercept: (call) => fault.aws(call),
    staleMs: (call) => fault.staleMs(call),
  });

  const cluster: RealCluster = {
    clock: wallClock,
    random,
    fault,
    store,
    aws,
    machines: room(),
    controlPlane,
    kubernetes,
    enableFault: () => fault.begin(cluster),
    async apply(manifests) {
      for (const { resource, object } of manifests) await kubernetes.create(resource, object as never);
    },
    async stop() {
      aws.stop();
      csiDriver();
      await room().stop();
      store.stop();
      over.abort();
      kubelets.close();
      dns.close();
      await controlPlane.stop();
    },
  };
  const { url, certificate, credentials } = controlPlane;
  const endpoints: Endpoints = {
    api: { url, kubeconfig: () => kubeconfigFor(url, certificate, credentials.tokens.admin) },
    aws: awsServer,
    environment: awsEnvironment(awsServer.url, region),
    close: async () => awsServer.close(),
  };
  return { cluster, endpoints };
}

/** The part of the cloud controller manager that EKS runs: https://kubernetes.io/docs/concepts/architecture/cloud-controller/ */
function deleteNodesOfGoneInstances(store: Objects, aws: AwsWorld): void {
  const look = (node: Node): void => {
    const id = instanceIdOf(node);
    if (id && !aws.instanceExists(id)) store.remove('nodes', { name: node.metadata.name });
  };
  aws.onGone(() => store.list('nodes').forEach(look));
  store.subscribe('nodes', ({ type, object }) => {
    if (type === 'ADDED') look(object);
  });
}
