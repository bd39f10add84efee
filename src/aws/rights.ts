import type { Aws } from '../cluster/ports.ts';

/**
 * A statement of the IAM policy. `calls` names the actions and, for each, the methods of the port that make the call;
 * an action without methods is called before there is a port (to reach the cluster).
 */
export interface Statement {
  sid: string;
  /** For docs/rights.md. */
  purpose: string;
  /** Also in the policy for those who only look: `phase: plan` and validate-cluster. */
  looksOnly?: boolean;
  resource: string;
  condition?: Record<string, Record<string, string>>;
  calls: Readonly<Record<string, readonly (keyof Aws)[]>>;
  /** AWS checks the actions of this statement along with that one; nothing here calls them. */
  checkedWith?: { action: string /** Only when the request has one of these. */; given?: readonly string[] };
}

/** What the user replaces in the policy files. */
const cluster = '<cluster>';
const nodeRole = '<node-role>';

/** With these UpdateAutoScalingGroup changes what instances are launched from, and AWS checks whether the caller may launch them. */
const namesATemplate = {
  action: 'autoscaling:UpdateAutoScalingGroup',
  given: ['LaunchTemplate', 'MixedInstancesPolicy'],
};

/**
 * Every call of src/aws with the right that it needs: docs/iam-policy.json and docs/iam-policy-plan.json are generated from
 * this table, and the tests run with no other rights. Whoever adds a command adds its action here, in the statement whose
 * purpose it serves. sts:GetCallerIdentity, which a token for EKS is made of, needs no right.
 *
 * What can be limited to a resource or a tag: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
 * and its siblings. Describe calls cannot.
 */
export const statements: readonly Statement[] = [
  {
    sid: 'Look',
    purpose:
      'See the groups, their instances, what these are launched from, how long they take, and why none comes.',
    looksOnly: true,
    resource: '*',
    calls: {
      'autoscaling:DescribeAutoScalingGroups': ['groups', 'launchSource', 'followersOfLatest'],
      'autoscaling:DescribeInstanceRefreshes': ['refreshInProgress'],
      'autoscaling:DescribeLaunchConfigurations': ['groups', 'launchesOf', 'copyConfiguration'],
      'autoscaling:DescribeScalingActivities': ['activities'],
      'ec2:DescribeImages': ['images'],
      'ec2:DescribeInstances': ['instances'],
      'ec2:DescribeLaunchTemplateVersions': ['groups', 'launchesOf', 'templateVersions'],
      'ec2:DescribeSubnets': ['groups'],
    },
  },
  {
    sid: 'ReadImageAliases',
    purpose:
      'Resolve a public parameter of AWS that holds an image, in a launch template or for the input ami. Add the ARN of a parameter of your own, if you name one.',
    looksOnly: true,
    resource: 'arn:*:ssm:*::parameter/aws/service/*',
    calls: { 'ssm:GetParameter': ['groups', 'launchesOf', 'parameter'] },
  },
  {
    sid: 'ReachTheCluster',
    purpose: 'Find the API of the EKS cluster. Not needed with a kubeconfig.',
    looksOnly: true,
    resource: `arn:*:eks:*:*:cluster/${cluster}`,
    calls: { 'eks:DescribeCluster': [] },
  },
  {
    sid: 'WatchARotation',
    purpose: 'During a rotation: which load balancers lead to nodes, and how healthy nodes are in them.',
    resource: '*',
    calls: {
      'elasticloadbalancing:DescribeInstanceHealth': ['targetHealth'],
      'elasticloadbalancing:DescribeLoadBalancers': ['balancersAt'],
      'elasticloadbalancing:DescribeTargetGroups': ['balancersAt'],
      'elasticloadbalancing:DescribeTargetHealth': ['targetHealth'],
    },
  },
  {
    sid: 'Rotate',
    purpose:
      'Add and terminate instances, raise the maximum size, and suspend AZRebalance: only in groups that carry the tag of the cluster.',
    resource: 'arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/*',
    condition: { Null: { [`autoscaling:ResourceTag/kubernetes.io/cluster/${cluster}`]: 'false' } },
    calls: {
      'autoscaling:LaunchInstances': ['launch'],
      'autoscaling:ResumeProcesses': ['resume'],
      'autoscaling:SetDesiredCapacity': ['resize'],
      'autoscaling:SuspendProcesses': ['suspend'],
      'autoscaling:TerminateInstanceInAutoScalingGroup': ['terminate'],
      'autoscaling:UpdateAutoScalingGroup': ['resize', 'launchFrom'],
    },
  },
  {
    sid: 'CopyLaunchTemplates',
    purpose:
      'With the input ami: make a version of a launch template with another image, and remove it when the rotation is put back.',
    resource: 'arn:*:ec2:*:*:launch-template/*',
    calls: {
      'ec2:CreateLaunchTemplateVersion': ['copyTemplate'],
      'ec2:DeleteLaunchTemplateVersions': ['removeTemplateVersion'],
    },
  },
  {
    sid: 'CopyLaunchConfigurations',
    purpose: 'The same for groups with a launch configuration.',
    resource: 'arn:*:autoscaling:*:*:launchConfiguration:*:launchConfigurationName/*-eks-rolling-*',
    calls: {
      'autoscaling:CreateLaunchConfiguration': ['copyConfiguration'],
      'autoscaling:DeleteLaunchConfiguration': ['removeConfiguration'],
    },
  },
  {
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_elasticloadbalancing.html
    sid: 'LeaveLoadBalancers',
    purpose:
      'Take a node out of the load balancers of its own group before its pods leave, and put it back when the rotation is.',
    resource: 'arn:*:elasticloadbalancing:*:*:*/*',
    calls: {
      'elasticloadbalancing:DeregisterInstancesFromLoadBalancer': ['deregister'],
      'elasticloadbalancing:DeregisterTargets': ['deregister'],
      'elasticloadbalancing:RegisterInstancesWithLoadBalancer': ['register'],
      'elasticloadbalancing:RegisterTargets': ['register'],
    },
  },
  {
    // https://docs.aws.amazon.com/autoscaling/ec2/userguide/launching-instances-synchronous-provisioning.html names this and
    // ec2:DescribeLaunchTemplateVersions as prerequisites of LaunchInstances.
    sid: 'LaunchInZone',
    purpose: 'AWS asks for this together with autoscaling:LaunchInstances.',
    resource: '*',
    calls: { 'ec2:CreateFleet': ['launch'] },
    checkedWith: { action: 'autoscaling:LaunchInstances' },
  },
  {
    // https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html, for all three.
    sid: 'UseLaunchTemplates',
    purpose: 'AWS asks for this when a group is pointed to another launch template or version.',
    resource: '*',
    condition: { ArnLike: { 'ec2:LaunchTemplate': 'arn:*:ec2:*:*:launch-template/*' } },
    calls: { 'ec2:RunInstances': ['launchFrom'] },
    checkedWith: namesATemplate,
  },
  {
    sid: 'TagWhatIsLaunched',
    purpose: 'The same, when the launch template has tags for instances and volumes.',
    resource: 'arn:*:ec2:*:*:*/*',
    condition: { StringEquals: { 'ec2:CreateAction': 'RunInstances' } },
    calls: { 'ec2:CreateTags': ['launchFrom'] },
    checkedWith: namesATemplate,
  },
  {
    sid: 'PassTheNodeRole',
    purpose: 'The same, for the instance profile in the launch template.',
    resource: `arn:*:iam::*:role/${nodeRole}`,
    condition: { StringLike: { 'iam:PassedToService': 'ec2.amazonaws.com*' } },
    calls: { 'iam:PassRole': ['launchFrom'] },
    checkedWith: namesATemplate,
  },
];

/** An IAM policy as its JSON says it. */
export interface Policy {
  Version: string;
  Statement: {
    Sid: string;
    Effect: 'Allow';
    Action: string[];
    Resource: string;
    Condition?: Record<string, Record<string, string>>;
  }[];
}

/** The policy for everything, or for those who only look. */
export function iamPolicy(whom: 'all' | 'lookers'): Policy {
  return {
    Version: '2012-10-17',
    Statement: statements
      .filter((s) => whom === 'all' || s.looksOnly)
      .map(({ sid, resource, condition, calls }) => ({
        Sid: sid,
        Effect: 'Allow',
        Action: Object.keys(calls),
        Resource: resource,
        ...(condition ? { Condition: condition } : {}),
      })),
  };
}

/** The actions that a method of the port needs, those that AWS checks along with a call included. */
export function actionsOf(method: string): string[] {
  return statements.flatMap(({ calls }) =>
    Object.entries(calls).flatMap(([action, methods]) =>
      (methods as readonly string[]).includes(method) ? [action] : [],
    ),
  );
}

/** The actions that a call needs: its own first, then what AWS checks along with it; without the request, all of these. */
export function checkedWith(action: string, request?: object): string[] {
  const along = statements.filter(
    ({ checkedWith: by }) =>
      by?.action === action &&
      (!request || !by.given || by.given.some((key) => (request as Record<string, unknown>)[key])),
  );
  return [action, ...along.flatMap(({ calls }) => Object.keys(calls))];
}

/** The action of an operation such as `DescribeSubnets`. */
export function actionOf(operation: string): string | undefined {
  return statements.flatMap(({ calls }) => Object.keys(calls)).find((a) => a.endsWith(`:${operation}`));
}
