import * as iamSdk from '@aws-sdk/client-iam';
import * as quotasSdk from '@aws-sdk/client-service-quotas';
import * as ssmSdk from '@aws-sdk/client-ssm';
import * as stsSdk from '@aws-sdk/client-sts';
import { AwsRefusal } from '../state.ts';
import { parameterOf } from '../templates.ts';
import type { AwsWorld } from '../world.ts';
import type { Service } from './service.ts';

/** SSM: the recommended AMIs of EKS, and other parameters of the account. */
export function ssm(world: AwsWorld): Service {
  const held = (name: string) => parameterOf(world.description, name);
  const read = (name: string) => ({ Name: name, Type: 'String', Value: held(name), Version: 1 });
  return {
    signingName: 'ssm',
    protocol: 'json',
    version: '2014-11-06',
    shapes: ssmSdk,
    actions: {
      GetParameter({ Name = '' }: ssmSdk.GetParameterRequest) {
        if (held(Name) === undefined)
          throw new AwsRefusal('ParameterNotFound', `Parameter ${Name} not found.`);
        return { Parameter: read(Name) };
      },
      GetParameters({ Names = [] }: ssmSdk.GetParametersRequest) {
        return {
          Parameters: Names.filter((n) => held(n) !== undefined).map(read),
          InvalidParameters: Names.filter((n) => held(n) === undefined),
        };
      },
    },
  };
}

/** STS: who am I, and roles for web identities. */
export function sts(world: AwsWorld): Service {
  const { accountId } = world.description;
  return {
    signingName: 'sts',
    protocol: 'query',
    version: '2011-06-15',
    shapes: stsSdk,
    actions: {
      GetCallerIdentity: () => ({
        Account: accountId,
        UserId: 'AIDAEMBEDDED',
        Arn: `arn:aws:iam::${accountId}:user/embedded`,
      }),
      AssumeRoleWithWebIdentity: ({ RoleArn, RoleSessionName }: stsSdk.AssumeRoleWithWebIdentityRequest) => ({
        Credentials: {
          AccessKeyId: 'ASIAEMBEDDED',
          SecretAccessKey: 'embedded',
          SessionToken: 'embedded',
          Expiration: new Date(Date.now() + 3_600_000),
        },
        AssumedRoleUser: {
          AssumedRoleId: `AROAEMBEDDED:${RoleSessionName}`,
          Arn: `${RoleArn}/${RoleSessionName}`,
        },
      }),
    },
  };
}

/** IAM policy simulation: the embedded account allows everything. */
export function iam(): Service {
  return {
    signingName: 'iam',
    protocol: 'query',
    version: '2010-05-08',
    shapes: iamSdk,
    actions: {
      SimulatePrincipalPolicy: ({ ActionNames = [] }: iamSdk.SimulatePrincipalPolicyRequest) => ({
        EvaluationResults: ActionNames.map((EvalActionName) => ({
          EvalActionName,
          EvalResourceName: '*',
          EvalDecision: 'allowed',
        })),
        IsTruncated: false,
      }),
    },
  };
}

/** The vCPU quotas of running On-Demand instances. */
export function serviceQuotas(): Service {
  const standard = {
    ServiceCode: 'ec2',
    QuotaCode: 'L-1216C47A',
    QuotaName: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    Value: 256,
    Unit: 'None',
  };
  return {
    signingName: 'servicequotas',
    protocol: 'json',
    version: '2019-06-24',
    shapes: quotasSdk,
    actions: {
      GetServiceQuota({ QuotaCode }: quotasSdk.GetServiceQuotaRequest) {
        if (QuotaCode !== standard.QuotaCode)
          throw new AwsRefusal(
            'NoSuchResourceException',
            `The request failed because the specified service quota does not exist: ${QuotaCode}`,
            404,
          );
        return { Quota: standard };
      },
      ListServiceQuotas: () => ({ Quotas: [standard] }),
    },
  };
}
