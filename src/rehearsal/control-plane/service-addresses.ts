import type { Service } from '../../cluster/objects.ts';

/** Where the Services of one cluster have their addresses. */
export interface ServiceAddresses {
  /** As a CIDR. */
  network: string;
  /** Of the cluster's DNS: the tenth, as on EKS. */
  dns: string;
}

/** The upper half of a cluster's network, of which the first two numbers are given; pods have the lower one, from its start. */
export const serviceAddresses = (network: string): ServiceAddresses => ({
  network: `${network}.128.0/17`,
  dns: `${network}.128.10`,
});

/** Of the control plane itself: at the end of the pods' half, which they do not come to. */
export const controlPlaneAddress = (network: string): string => `${network}.127.1`;

/** The Service that pods know the DNS by, as on EKS: with it, no other Service is given the address. */
export const kubeDns = (clusterIP: string): Service => ({
  metadata: { namespace: 'kube-system', name: 'kube-dns', labels: { 'k8s-app': 'kube-dns' } },
  spec: {
    clusterIP,
    selector: { 'k8s-app': 'kube-dns' },
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  },
});
