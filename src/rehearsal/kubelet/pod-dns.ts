import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../cluster/objects.ts';
import { clusterDomain } from '../control-plane/dns.ts';
import type { Command } from '../images/image.ts';

export interface PodDns {
  /** Address of the cluster's DNS. */
  nameserver: string;
  /** For the files that pods see in /etc. */
  directory: string;
}

/** Whatever else this machine resolves names with, for example by a socket of systemd, knows nothing of the cluster. */
const nsswitch = 'hosts: files dns\n';

/** By exec all along: the process has the id that was started, and signals reach it. */
const putOver = `
  mount --bind "$1/resolv.conf" /etc/resolv.conf &&
  { [ ! -e /etc/nsswitch.conf ] || mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf; } &&
  shift && exec "$@"`;

/** What pods of dnsPolicy ClusterFirst resolve with: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-config */
export const resolvConf = (namespace: string, nameserver: string): string =>
  `search ${namespace}.svc.${clusterDomain} svc.${clusterDomain} ${clusterDomain}
nameserver ${nameserver}
options ndots:5
`;

/**
 * The command, to be run with the resolv.conf of the pod's namespace. Needs root, if only of a user namespace: the process gets
 * a mount namespace of its own. With hostNetwork, ClusterFirst means what the machine has:
 * https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy
 */
export function withPodDns(command: Command, pod: Pod, { nameserver, directory }: PodDns): Command {
  if (pod.spec.hostNetwork) return command;
  const { namespace = '' } = pod.metadata;
  const etc = join(directory, 'etc', namespace);
  // Not written again: processes have it mounted.
  if (!existsSync(etc)) {
    mkdirSync(etc, { recursive: true });
    writeFileSync(join(etc, 'resolv.conf'), resolvConf(namespace, nameserver));
    writeFileSync(join(etc, 'nsswitch.conf'), nsswitch);
  }
  const { file, args } = command;
  return { ...command, file: 'unshare', args: ['--mount', 'sh', '-c', putOver, 'sh', etc, file, ...args] };
}
