import { budget, daemonSet, deployment, type Manifest, service } from './objects.ts';

const system = { namespace: 'kube-system' };

/** What every EKS cluster runs in kube-system. No witness watches these pods, so they are weightless. */
export function systemWorkloads(): Manifest[] {
  return [
    {
      resource: 'storageclasses',
      object: {
        metadata: { name: 'gp3' },
        provisioner: 'ebs.csi.aws.com',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
    },
    daemonSet({
      ...system,
      name: 'aws-node',
      image: 'amazon-k8s-cni',
      cpu: '25m',
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      labels: { 'k8s-app': 'aws-node' },
    }),
    daemonSet({
      ...system,
      name: 'kube-proxy',
      image: 'kube-proxy',
      cpu: '100m',
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      labels: { 'k8s-app': 'kube-proxy' },
    }),
    // Its volumes stay attached until their nodes are gone: no drain may wait for them.
    daemonSet({ ...system, name: 'log-shipper', image: 'fluent-bit', cpu: '50m', volume: '/buffer' }),
    deployment({
      ...system,
      name: 'coredns',
      image: 'coredns',
      replicas: 2,
      apart: 'preferred',
      priorityClassName: 'system-cluster-critical',
      labels: { 'k8s-app': 'kube-dns' },
    }),
    budget('kube-system', 'coredns', { maxUnavailable: 1 }),
    service({ ...system, name: 'coredns', port: 53 }),
    deployment({
      ...system,
      name: 'metrics-server',
      image: 'metrics-server',
      replicas: 1,
      labels: { 'k8s-app': 'metrics-server' },
    }),
    deployment({
      ...system,
      name: 'cluster-autoscaler',
      image: 'cluster-autoscaler',
      replicas: 1,
      labels: { 'app.kubernetes.io/name': 'cluster-autoscaler' },
    }),
  ];
}
