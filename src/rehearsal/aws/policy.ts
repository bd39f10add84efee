import { readFileSync } from 'node:fs';
import { checkedWith, type Policy } from '../../aws/rights.ts';
import { AwsRefusal } from './state.ts';
import type { AwsWorld } from './world.ts';

/** What a request asks leave for. */
export interface Asked {
  action: string;
  /** An ARN, or `*` where AWS has no resource for the action. */
  resource: string;
  /** The values of condition keys; a tag that is not there has none. */
  context: Record<string, string>;
}

/** The role of the embedded instances. */
const nodeRole = 'embedded-node';

/** The policy file that users attach, for a cluster. */
export function shippedPolicy(cluster: string, file = 'iam-policy.json'): Policy {
  const text = readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');
  return JSON.parse(text.replaceAll('<cluster>', cluster).replaceAll('<node-role>', nodeRole)) as Policy;
}

/** Whether a policy allows it, as far as this repository's policies use the language of IAM. @throws Error beyond that. */
export function allows(policy: Policy, { action, resource, context }: Asked): boolean {
  return policy.Statement.some(
    (s) =>
      s.Action.includes(action) &&
      matches(s.Resource, resource) &&
      Object.entries(s.Condition ?? {}).every(([operator, keys]) =>
        Object.entries(keys).every(([key, wanted]) => holds(operator, context[key], wanted)),
      ),
  );
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
function holds(operator: string, value: string | undefined, wanted: string): boolean {
  switch (operator) {
    case 'Null':
      return (value === undefined) === (wanted === 'true');
    case 'StringEquals':
      return value === wanted;
    case 'StringLike':
    case 'ArnLike':
      return value !== undefined && matches(wanted, value);
    default:
      throw new Error(
        `The embedded AWS does not know the condition operator ${operator}; add it to policy.ts.`,
      );
  }
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}

/** These say who the caller is, or make one: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
const needNoRight = ['sts:GetCallerIdentity', 'sts:AssumeRoleWithWebIdentity'];

/** A call as the account sees it: `action` is `service:Operation`, the input as the SDK has it. */
export interface Call {
  action: string;
  input: Record<string, unknown>;
}

/** @throws AwsRefusal when the caller of the account has no right to it, as the service of the call would say so. */
export function permit(world: AwsWorld, call: Call): void {
  const { policy } = world;
  if (!policy || needNoRight.includes(call.action)) return;
  for (const action of checkedWith(call.action, call.input)) {
    const asked = askedFor(world, action, call.input);
    if (asked && !allows(policy, asked)) throw refusal(world, call.action, asked);
  }
}

/** Undefined for a group or instance that does not exist: that the service itself says. */
function askedFor(world: AwsWorld, action: string, input: Record<string, unknown>): Asked | undefined {
  const { region, accountId } = world.description;
  const [service = ''] = action.split(':');
  const text = (key: string): string => String(input[key] ?? '');
  const arn = (what: string, account = accountId): string =>
    `arn:aws:${service}:${region}:${account}:${what}`;
  if (service === 'eks') return { action, resource: arn(`cluster/${text('name')}`), context: {} };
  if (service === 'ssm') {
    const own = text('Name').startsWith('/aws/') ? '' : accountId;
    return { action, resource: arn(`parameter${text('Name')}`, own), context: {} };
  }
  if (/^elasticloadbalancing:(Der|R)egister/.test(action))
    return {
      action,
      resource: text('TargetGroupArn') || arn(`loadbalancer/${text('LoadBalancerName')}`),
      context: {},
    };
  if (action === 'iam:PassRole') {
    const context = { 'iam:PassedToService': 'ec2.amazonaws.com' };
    return { action, resource: `arn:aws:iam::${accountId}:role/${nodeRole}`, context };
  }
  if (action === 'ec2:RunInstances')
    return { action, resource: '*', context: { 'ec2:LaunchTemplate': arn('launch-template/embedded') } };
  if (action === 'ec2:CreateTags')
    return { action, resource: arn('instance/*'), context: { 'ec2:CreateAction': 'RunInstances' } };
  if (/LaunchTemplateVersions?$/.test(action) && !action.includes('Describe'))
    return { action, resource: arn(`launch-template/${text('LaunchTemplateId')}`), context: {} };
  if (/(Create|Delete)LaunchConfiguration$/.test(action)) {
    const named = `launchConfiguration:embedded:launchConfigurationName/${text('LaunchConfigurationName')}`;
    return { action, resource: arn(named), context: {} };
  }
  const name = text('AutoScalingGroupName') || world.instances.get(text('InstanceId'))?.group;
  const group = world.groups.get(name ?? '');
  if (service !== 'autoscaling' || action.startsWith('autoscaling:Describe'))
    return { action, resource: '*', context: {} };
  if (!group) return undefined;
  const tags = [...group.tags].map(([key, value]) => [`autoscaling:ResourceTag/${key}`, value]);
  return {
    action,
    resource: arn(`autoScalingGroup:embedded:autoScalingGroupName/${group.name}`),
    context: Object.fromEntries(tags),
  };
}

/** Each protocol has its own code and status for it, and the words are IAM's. */
function refusal(world: AwsWorld, called: string, { action, resource }: Asked): AwsRefusal {
  const user = `arn:aws:iam::${world.description.accountId}:user/embedded`;
  const on = resource === '*' ? '' : ` on resource: ${resource}`;
  const words = `User: ${user} is not authorized to perform: ${action}${on} because no identity-based policy allows the ${action} action`;
  switch (called.split(':')[0]) {
    case 'ec2':
      return new AwsRefusal(
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. ${words}`,
        403,
      );
    case 'ssm':
      return new AwsRefusal('AccessDeniedException', words, 400);
    case 'eks':
      return new AwsRefusal('AccessDeniedException', words, 403);
    default:
      return new AwsRefusal('AccessDenied', words, 403);
  }
}
