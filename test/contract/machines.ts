import type { EmbeddedInstance } from '../../src/rehearsal/aws/state.ts';
import type { Machine } from '../../src/rehearsal/world/machine.ts';
import type { BootOptions } from './target.ts';

/** The n-th machine of a suite. */
export function machineFor(
  n: number,
  instanceId: string,
  { zone, labels = {}, taints = [], pods = '110', cpu = '8' }: BootOptions,
): Machine {
  const privateIp = `10.0.${Math.floor(n / 250)}.${1 + (n % 250)}`;
  return {
    instanceId,
    zone,
    region: 'eu-west-1',
    group: 'contract',
    imageId: 'ami-1',
    instanceType: 'm5.large',
    privateDnsName: `ip-${privateIp.replaceAll('.', '-')}.eu-west-1.compute.internal`,
    privateIp,
    allocatable: { cpu, memory: '32Gi', pods },
    labels,
    taints,
  };
}

/** An instance that no group has: nothing replaces it when it is gone. */
export const instanceOf = (machine: Machine, launchedAt: number): EmbeddedInstance => ({
  id: machine.instanceId,
  group: '',
  zone: machine.zone,
  subnet: '',
  imageId: machine.imageId,
  instanceType: machine.instanceType,
  ec2: 'running',
  lifecycle: 'InService',
  healthy: true,
  protectedFromScaleIn: false,
  launchedAt,
  privateIp: machine.privateIp,
  privateDnsName: machine.privateDnsName,
});
