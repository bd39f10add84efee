import { Sha256 } from '@aws-crypto/sha256-js';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { SignatureV4 } from '@smithy/signature-v4';
import { chainCredentials } from './credentials.ts';
import { calling } from './errors.ts';
import type { JobCredentials } from './renewing.ts';

export interface ClusterAccess {
  endpoint: string;
  /** Base64 of the PEM. */
  certificateAuthority: string;
  /** A bearer token, renewed before EKS stops taking it. */
  token(): Promise<string>;
}

/** EKS takes a token for 15 minutes; the presigned URL inside says 60 seconds, which only bounds its first use. */
const tokenForMs = 10 * 60_000;
const presignedForSeconds = 60;

/** Where the cluster's API is, and a way to make tokens for it as `aws eks get-token` does. */
export async function clusterAccess(
  name: string,
  region: string,
  credentials: JobCredentials = chainCredentials(),
): Promise<ClusterAccess> {
  const client = new EKSClient({ region, credentials: credentials.provider });
  const { cluster } = await calling('DescribeCluster', () =>
    client.send(new DescribeClusterCommand({ name })),
  );
  if (!cluster?.endpoint)
    throw new Error(
      `EKS cluster ${name} has no endpoint yet (status ${cluster?.status}); wait until it is ACTIVE.`,
    );
  let made = { token: '', at: 0 };
  return {
    endpoint: cluster.endpoint,
    certificateAuthority: cluster.certificateAuthority?.data ?? '',
    async token() {
      if (!made.token || Date.now() - made.at > tokenForMs)
        made = { token: await presignedToken(name, region, credentials), at: Date.now() };
      return made.token;
    },
  };
}

/** https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster */
async function presignedToken(cluster: string, region: string, credentials: JobCredentials): Promise<string> {
  const signer = new SignatureV4({
    service: 'sts',
    region,
    credentials: credentials.provider,
    sha256: Sha256,
  });
  const hostname = `sts.${region}.amazonaws.com`;
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host: hostname, 'x-k8s-aws-id': cluster },
    },
    { expiresIn: presignedForSeconds, unsignableHeaders: new Set() },
  );
  const query = new URLSearchParams(signed.query as Record<string, string>);
  return `k8s-aws-v1.${Buffer.from(`https://${hostname}/?${query}`).toString('base64url')}`;
}
