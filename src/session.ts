import { hostname, networkInterfaces } from 'node:os';
import { clusterAccess, connectAws } from './aws/connect.ts';
import { chainCredentials, roleCredentials } from './aws/credentials.ts';
import type { JobCredentials } from './aws/renewing.ts';
import { systemClock } from './clock.ts';
import type { Aws, Kubernetes } from './cluster/ports.ts';
import type { GithubRuntime } from './github/runtime.ts';
import { kubernetesClient } from './kubernetes/client.ts';
import { type Connection, eksConnection, kubeconfigConnection } from './kubernetes/connection.ts';
import type { Contract, Session } from './operations/contract.ts';

export interface SessionSignals {
  /** The operation starts nothing new any more. */
  stop: AbortSignal;
  /** Its time to leave things in order is over: until then it can still write to the cluster, to park its run. */
  over: AbortSignal;
}

/** Joins the runner, Kubernetes and AWS into what an operation is handed. Connections are made on first use. */
export function makeSession(github: GithubRuntime, contract: Contract, signals: SessionSignals) {
  const inputs = Object.fromEntries(
    Object.entries(contract.inputs).map(([name, spec]) => [name, github.input(name) || (spec.default ?? '')]),
  );
  let summary = '';
  let aws: Promise<Aws> | undefined;
  let kubernetes: Promise<Kubernetes> | undefined;

  let credentials: JobCredentials | undefined;
  const credentialsOf = () => {
    credentials ??= makeCredentials(inputs, github);
    return credentials;
  };

  const session: Session = {
    inputs,
    clock: systemClock,
    signal: signals.stop,
    caller: github.caller(),
    self: { hostname: hostname(), addresses: addresses() },
    directory: github.directory(),
    kubernetes: () => {
      kubernetes ??= connect(inputs, github, credentialsOf).then((connection) =>
        kubernetesClient(connection, systemClock, signals.over, github.say),
      );
      return kubernetes;
    },
    aws: () => {
      aws ??= (async () =>
        connectAws({ region: regionOf(inputs), clock: systemClock, credentials: credentialsOf() }))();
      return aws;
    },
    credentialsLastUntil: () => credentials?.lastUntil(),
    say: github.say,
    fold: github.fold,
    warn: github.warn,
    output(name, value) {
      if (!(name in contract.outputs))
        throw new Error(`${contract.operation} has no output ${name}; add it to its contract.`);
      github.output(name, value);
      // Post may read saved state only, and must be able to name the run.
      if (name === 'run-id') github.saveState('run-id', value);
    },
    summary(markdown) {
      summary = markdown;
    },
  };
  return { session, writeSummary: () => (summary ? github.summary(summary) : Promise.resolve()) };
}

const addresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((of) => (of ?? []).map(({ address }) => address));

function regionOf(inputs: Session['inputs']): string {
  const region = inputs.region || process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION;
  if (!region)
    throw new Error('region: got nothing and AWS_REGION is not set; name the AWS region of the cluster.');
  return region;
}

/** GitHub's OIDC provider in IAM is set up for this audience: https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws */
const audience = 'sts.amazonaws.com';

function makeCredentials(inputs: Session['inputs'], github: GithubRuntime): JobCredentials {
  const role = inputs['role-to-assume'];
  if (!role) return chainCredentials();
  return roleCredentials({
    role,
    region: regionOf(inputs),
    sessionName: 'eks-rolling',
    identityToken: () => github.identityToken(audience),
    clock: systemClock,
    say: github.say,
  });
}

async function connect(
  inputs: Session['inputs'],
  github: GithubRuntime,
  credentials: () => JobCredentials,
): Promise<Connection> {
  if (inputs.kubeconfig) return kubeconfigConnection(inputs.kubeconfig);
  if (process.env.KUBECONFIG) return kubeconfigConnection();
  const name = inputs.cluster ?? '';
  const access = await clusterAccess(name, regionOf(inputs), credentials());
  let masked = '';
  const token = async () => {
    const value = await access.token();
    if (value !== masked) github.mask(value);
    masked = value;
    return value;
  };
  return eksConnection({
    name,
    endpoint: access.endpoint,
    certificateAuthority: access.certificateAuthority,
    token,
  });
}
