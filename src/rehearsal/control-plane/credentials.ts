import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { stringify } from 'yaml';

/** A certificate that is its own authority, in PEM. */
export interface Certificate {
  key: string;
  cert: string;
}

const users = {
  admin: ['admin', 'system:masters'],
  'controller-manager': ['system:kube-controller-manager', ''],
  scheduler: ['system:kube-scheduler', ''],
} as const;

export type User = keyof typeof users;

/** What the components of a control plane prove who they are with. Made anew for each one. */
export interface Credentials {
  /** Of the API server, which its clients trust. */
  server: Certificate;
  /** With which the API server comes to kubelets. */
  kubeletClient: Certificate;
  tokens: Record<User, string>;
  /** The files that the components are pointed to. */
  files: Record<
    | 'serverCert'
    | 'serverKey'
    | 'kubeletClientCert'
    | 'kubeletClientKey'
    | 'accountKey'
    | 'accountPub'
    | 'tokens',
    string
  >;
}

/** @param address where the API server listens */
export async function makeCredentials(directory: string, address: string): Promise<Credentials> {
  const file = (name: string, content: string): string => {
    const path = join(directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const [server, kubeletClient] = await Promise.all([
    makeCertificate('kube-apiserver', [address]),
    makeCertificate('kube-apiserver-kubelet-client', []),
  ]);
  const account = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const names = Object.keys(users) as User[];
  const tokens = Object.fromEntries(names.map((name) => [name, randomBytes(24).toString('hex')])) as Record<
    User,
    string
  >;
  const rows = names.map((name) => `${tokens[name]},${users[name][0]},${name},"${users[name][1]}"`);
  return {
    server,
    kubeletClient,
    tokens,
    files: {
      serverCert: file('apiserver.crt', server.cert),
      serverKey: file('apiserver.key', server.key),
      kubeletClientCert: file('kubelet-client.crt', kubeletClient.cert),
      kubeletClientKey: file('kubelet-client.key', kubeletClient.key),
      accountKey: file('service-account.key', account.privateKey),
      accountPub: file('service-account.pub', account.publicKey),
      tokens: file('tokens.csv', `${rows.join('\n')}\n`),
    },
  };
}

/** A certificate for these addresses that signs itself. */
export async function makeCertificate(name: string, addresses: readonly string[]): Promise<Certificate> {
  const altNames = [
    ...addresses.map((ip) => ({ type: 7 as const, ip })),
    { type: 2 as const, value: 'localhost' },
  ];
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { key: made.private, cert: made.cert };
}

/** A kubeconfig with one cluster and one user, who proves himself with a token or not at all. */
export function kubeconfigFor(server: string, certificate: string, token?: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'cluster',
        cluster: { server, 'certificate-authority-data': Buffer.from(certificate).toString('base64') },
      },
    ],
    users: [{ name: 'user', user: token === undefined ? {} : { token } }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
    'current-context': 'context',
  });
}
