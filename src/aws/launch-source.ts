import type {
  AutoScalingGroup,
  LaunchTemplateSpecification,
  MixedInstancesPolicy,
  UpdateAutoScalingGroupType,
} from '@aws-sdk/client-auto-scaling';
import type { LaunchSource, MixedPolicy, TemplateChoice } from '../cluster/ports.ts';

/** What a group is set to launch from, out of its description. */
export function launchSourceOf(group: Partial<AutoScalingGroup>): LaunchSource {
  const { LaunchConfigurationName, LaunchTemplate, MixedInstancesPolicy: mixed } = group;
  if (mixed) return { kind: 'mixed', policy: policyOf(mixed) };
  if (LaunchTemplate) return { kind: 'template', template: choiceOf(LaunchTemplate) };
  if (LaunchConfigurationName) return { kind: 'configuration', name: LaunchConfigurationName };
  throw new Error(
    `Auto Scaling Group ${group.AutoScalingGroupName} has neither a launch template nor a launch configuration.`,
  );
}

/** The part of an UpdateAutoScalingGroup request that says what to launch from. */
export function launchParameters(
  source: LaunchSource,
): Pick<UpdateAutoScalingGroupType, 'LaunchTemplate' | 'LaunchConfigurationName' | 'MixedInstancesPolicy'> {
  if (source.kind === 'configuration') return { LaunchConfigurationName: source.name };
  if (source.kind === 'template') return { LaunchTemplate: source.template };
  return { MixedInstancesPolicy: source.policy as MixedInstancesPolicy };
}

function policyOf(policy: MixedInstancesPolicy): MixedPolicy {
  const { LaunchTemplateSpecification: base, Overrides } = policy.LaunchTemplate ?? {};
  const overrides = Overrides?.map(({ LaunchTemplateSpecification: own, ...others }) => ({
    ...others,
    ...(own ? { LaunchTemplateSpecification: choiceOf(own) } : {}),
  }));
  return plain({
    ...policy,
    LaunchTemplate: {
      LaunchTemplateSpecification: choiceOf(base ?? {}),
      ...(overrides ? { Overrides: overrides } : {}),
    },
  });
}

/** An empty version means the default one. */
const choiceOf = ({ LaunchTemplateId = '', Version }: LaunchTemplateSpecification): TemplateChoice => ({
  LaunchTemplateId,
  Version: Version || '$Default',
});

/** As it will be after the journal: without members that are undefined. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
