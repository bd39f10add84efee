import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../../kubernetes/connection.ts';
import { kubeconfigConnection, readBody, send } from '../../kubernetes/connection.ts';
import { Children } from '../kubelet/children.ts';
import type { Binaries } from './binaries.ts';
import { type Credentials, kubeconfigFor, makeCredentials, type User } from './credentials.ts';
import { serveTokenReviews, type TokenReviewer } from './token-reviews.ts';

export interface ControlPlaneOptions {
  binaries: Binaries;
  /** For data, certificates and logs; the caller removes it. */
  directory: string;
  /** Where etcd and the API server listen: a local address of this control plane alone, so that nobody can have their ports. */
  address: string;
  /** Where Services have their addresses, as a CIDR. */
  serviceNetwork: string;
  /** The user that a bearer token belongs to, as the authenticator of EKS says. */
  authenticate: TokenReviewer;
  /** What is written to the audit log; nothing unless given. */
  auditPolicy?: object;
}

export interface ControlPlane {
  url: string;
  /** PEM. */
  certificate: string;
  credentials: Credentials;
  /** As an administrator. */
  connection: Connection;
  /** Path of an administrator's kubeconfig. */
  kubeconfig: string;
  /** Compacts etcd: every present resourceVersion is too old to watch from, for the kinds that have no watch cache. */
  forgetHistory(): Promise<void>;
  /** One JSON object per line, as far as the policy asks for. */
  auditLog(): string;
  stop(): Promise<void>;
}

/** Below those that Linux gives to outgoing connections, which could otherwise be there first. */
const ports = { etcd: 2379, api: 6443 };
/** Of Go: a fifth of the work of a small cluster's API server would be garbage collection, while memory is plenty. */
const lessCollecting = { GOGC: '400', GOMEMLIMIT: '1500MiB' };
const readyMs = 120_000;
const pollMs = 100;
const noAudit = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'None' }] };
const uncached = 'jobs.batch';

/** Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler. @throws Error with the end of the log of what did not start. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { address, binaries, directory } = options;
  mkdirSync(directory, { recursive: true });
  const credentials = await makeCredentials(directory, address);
  const { files } = credentials;
  const children = new Children();
  const reviews = await serveTokenReviews(options.authenticate);
  const etcd = `http://${address}:${ports.etcd}`;
  const url = `https://${address}:${ports.api}`;
  const write = (name: string, content: string): string => {
    const path = join(directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const kubeconfig = (user: User): string =>
    write(`${user}.kubeconfig`, kubeconfigFor(url, credentials.server.cert, credentials.tokens[user]));
  const auditLog = join(directory, 'audit.log');
  const exits = new Map<string, number>();
  const logOf = (program: string): string => join(directory, `${program}.log`);
  const start = (program: keyof Binaries, flags: Record<string, string>): void => {
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const { exited } = children.spawn(
      { file: binaries[program], args },
      { PATH: process.env.PATH, ...lessCollecting },
      logOf(program),
    );
    exited.then((code) => exits.set(program, code));
  };
  const until = async (program: string, holds: () => Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + readyMs; !(await holds().catch(() => false)); ) {
      if (exits.has(program) || Date.now() > end) {
        const why = exits.has(program)
          ? `ended with exit code ${exits.get(program)}`
          : `was not ready within ${readyMs / 1000} s`;
        throw new Error(`${program} ${why}:\n${readFileSync(logOf(program), 'utf8').slice(-2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  };
  const stop = async (): Promise<void> => {
    await children.stop();
    reviews.close();
  };

  try {
    start('etcd', {
      'data-dir': join(directory, 'etcd'),
      'listen-client-urls': etcd,
      'advertise-client-urls': etcd,
      'listen-peer-urls': `http://${address}:0`,
      'unsafe-no-fsync': 'true',
      'log-level': 'error',
    });
    await until('etcd', async () => (await fetch(`${etcd}/health`)).ok);
    start('kube-apiserver', {
      'etcd-servers': etcd,
      'secure-port': String(ports.api),
      'bind-address': address,
      'advertise-address': '10.0.0.1',
      'endpoint-reconciler-type': 'none',
      'tls-cert-file': files.serverCert,
      'tls-private-key-file': files.serverKey,
      'token-auth-file': files.tokens,
      'authentication-token-webhook-config-file': write(
        'token-reviews.kubeconfig',
        kubeconfigFor(reviews.url, reviews.certificate),
      ),
      'authentication-token-webhook-version': 'v1',
      'authorization-mode': 'Node,RBAC',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': files.accountPub,
      'service-account-signing-key-file': files.accountKey,
      'service-cluster-ip-range': options.serviceNetwork,
      'kubelet-client-certificate': files.kubeletClientCert,
      'kubelet-client-key': files.kubeletClientKey,
      'kubelet-preferred-address-types': 'InternalIP',
      // Without its cache, a kind shows what etcd has forgotten.
      'watch-cache-sizes': `${uncached}#0`,
      'audit-policy-file': write('audit-policy.json', JSON.stringify(options.auditPolicy ?? noAudit)),
      'audit-log-path': auditLog,
      profiling: 'false',
      'allow-privileged': 'true',
    });
    const admin = kubeconfig('admin');
    const connection = kubeconfigConnection(admin);
    const answers = async (path: string, status: number): Promise<boolean> => {
      const response = await send(connection, { method: 'GET', path });
      await readBody(response);
      return response.statusCode === status;
    };
    await until('kube-apiserver', () => answers('/readyz', 200));
    start('kube-controller-manager', {
      kubeconfig: kubeconfig('controller-manager'),
      'service-account-private-key-file': files.accountKey,
      'root-ca-file': files.serverCert,
      'use-service-account-credentials': 'true',
      'leader-elect': 'false',
      'secure-port': '0',
      'kube-api-qps': '200',
      'kube-api-burst': '400',
      'node-monitor-period': '1s',
      // As in production: who is late with four heartbeats is still there.
      'node-monitor-grace-period': '50s',
    });
    start('kube-scheduler', {
      kubeconfig: kubeconfig('scheduler'),
      'leader-elect': 'false',
      'secure-port': '0',
      'kube-api-qps': '200',
      'kube-api-burst': '400',
    });
    // Pods cannot be created before their ServiceAccount is there.
    await until('kube-controller-manager', () =>
      answers('/api/v1/namespaces/kube-system/serviceaccounts/default', 200),
    );
    return {
      url,
      certificate: credentials.server.cert,
      credentials,
      connection,
      kubeconfig: admin,
      forgetHistory: () => compact(etcd),
      auditLog: () => (existsSync(auditLog) ? readFileSync(auditLog, 'utf8') : ''),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** By etcd's JSON gateway: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/ */
async function compact(etcd: string): Promise<void> {
  const ask = async (path: string, body: object): Promise<{ header: { revision: string } }> => {
    const response = await fetch(`${etcd}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<{ header: { revision: string } }>;
  };
  const { header } = await ask('maintenance/status', {});
  await ask('kv/compaction', { revision: header.revision, physical: true });
}
