/** An EC2 instance as the cluster sees it: something that boots, joins as a Node and can lose its power. */
export interface Machine {
  instanceId: string;
  zone: string;
  region: string;
  group: string;
  imageId: string;
  instanceType: string;
  /** For example `ip-10-0-1-17.eu-west-1.compute.internal`; also the Node's name. */
  privateDnsName: string;
  privateIp: string;
  /** `cpu`, `memory`, `pods`. */
  allocatable: Record<string, string>;
  /** Labels and taints that the bootstrap arguments give the Node. */
  labels: Record<string, string>;
  taints: { key: string; value?: string; effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' }[];
}

/** The kubelets' side of the machines; the AWS side calls it. */
export interface MachineRoom {
  /** Power on: the machine boots, and its kubelet registers the Node some time later. */
  boot(machine: Machine): void;
  /** Power off: every process on it is killed at once and heartbeats stop. */
  halt(instanceId: string): void;
}

/** The AWS side as the node lifecycle controller asks it. */
export interface Cloud {
  /** False once the instance is terminated: its Node object is then deleted. */
  instanceExists(instanceId: string): boolean;
  /** Called whenever an answer of `instanceExists` became false. */
  onGone(listener: (instanceId: string) => void): void;
}
