import { fromNodeProviderChain, fromWebToken } from '@aws-sdk/credential-providers';
import type { Clock } from '../clock.ts';
import { AwsError } from '../cluster/ports.ts';
import { type JobCredentials, renewing } from './renewing.ts';

/** What the environment of the job gives, as every AWS tool reads it. Nobody here can renew those of an earlier step. */
export const chainCredentials = (): JobCredentials => ({
  provider: fromNodeProviderChain(),
  lastUntil: () => undefined,
});

export interface RoleToAssume {
  /** ARN. */
  role: string;
  region: string;
  /** For people who read CloudTrail. */
  sessionName: string;
  /** The OIDC token of the job, made anew for each renewal because it lasts for minutes. */
  identityToken: () => Promise<string>;
  clock: Clock;
  say: (line: string) => void;
}

/** Without its ARN, which has the account in it. */
const trust = (role: string): string =>
  `The trust policy of the role ${role.split('/').at(-1)} must let the OIDC tokens of this repository assume it: https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws`;

/** A role assumed with the job's OIDC token, again and again: https://docs.github.com/en/actions/concepts/security/openid-connect */
export function roleCredentials({
  role,
  region,
  sessionName,
  identityToken,
  clock,
  say,
}: RoleToAssume): JobCredentials {
  const assume = async () => {
    const webIdentityToken = await identityToken();
    const options = { roleArn: role, roleSessionName: sessionName, webIdentityToken };
    try {
      return await fromWebToken({ ...options, clientConfig: { region } })();
    } catch (error) {
      const { name = 'Error', message = String(error) } = error as { name?: string; message?: string };
      throw new AwsError('AssumeRoleWithWebIdentity', name, `${message.replace(/\.?$/, '.')} ${trust(role)}`);
    }
  };
  return renewing(clock, assume, say);
}
