import type { GroupSelection } from '../cluster/ports.ts';
import type { InputSpec } from './contract.ts';
import type { InputReader } from './inputs.ts';

/** How every operation finds its cluster. */
export const connectionInputs = {
  cluster: { description: 'Name of the EKS cluster.', required: true },
  kubeconfig: {
    description:
      'Path of a kubeconfig file. Without it KUBECONFIG is used, and without that the cluster is asked from EKS and reached with the AWS credentials of the job.',
  },
  region: { description: 'AWS region. Without it AWS_REGION is used.' },
  'role-to-assume': {
    description:
      'ARN of an IAM role that is assumed with the OIDC token of the job (permissions: id-token: write), and again before its credentials end, however long the job lasts. Without it the AWS credentials of the job are used as long as they last.',
  },
} as const satisfies Record<string, InputSpec>;

/** Which Auto Scaling Groups an operation looks at. */
export const groupInputs = {
  groups: {
    description:
      'Names of the Auto Scaling Groups, separated by commas or lines. Without it: every group tagged kubernetes.io/cluster/<cluster>.',
  },
} as const satisfies Record<string, InputSpec>;

/** The selection that the `groups` input means. */
export function groupSelection(read: InputReader): GroupSelection {
  const names = read.list('groups');
  return names.length > 0 ? { names } : { tags: { [`kubernetes.io/cluster/${read.text('cluster')}`]: '*' } };
}

/** Reads what connects to the cluster. The cluster is always named: a run must never guess what it changes. */
export function readCluster(read: InputReader): string {
  const name = read.required('cluster', 'the name of the EKS cluster');
  if (name && !/^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/.test(name))
    read.problem('cluster', name, 'letters, digits, - and _, at most 100');
  const role = read.text('role-to-assume');
  if (role && !/^arn:aws[\w-]*:iam::\d{12}:role\/\S+$/.test(role))
    read.problem(
      'role-to-assume',
      role,
      'the ARN of an IAM role, such as arn:aws:iam::<account>:role/<name>',
    );
  return name;
}
