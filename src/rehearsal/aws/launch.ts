import type {
  AutoScalingGroup,
  LaunchTemplateSpecification,
  UpdateAutoScalingGroupType,
} from '@aws-sdk/client-auto-scaling';
import { AwsRefusal, type EmbeddedGroup, type LaunchTemplate, type Override } from './state.ts';
import { imageBy, numberOf, resolvedImage, versionOf } from './templates.ts';
import type { AwsWorld } from './world.ts';

type LaunchParameters = Pick<
  UpdateAutoScalingGroupType,
  'LaunchTemplate' | 'LaunchConfigurationName' | 'MixedInstancesPolicy'
>;
type Choice = NonNullable<EmbeddedGroup['template']>;

/** What somebody who chose instance types by attributes asked for. */
const attributes = { VCpuCount: { Min: 2 }, MemoryMiB: { Min: 4096 } };

/** What a group launches from, as DescribeAutoScalingGroups shows it. */
export function launchShape(
  world: AwsWorld,
  { launchConfiguration, template, overrides, distribution }: EmbeddedGroup,
): Pick<AutoScalingGroup, keyof LaunchParameters> {
  if (launchConfiguration) return { LaunchConfigurationName: launchConfiguration };
  const specification = (wanted: Choice | undefined) => wanted && specificationOf(world, wanted);
  if (!overrides) return { LaunchTemplate: specification(template) };
  return {
    MixedInstancesPolicy: {
      LaunchTemplate: {
        LaunchTemplateSpecification: specification(template),
        Overrides: overrides.map((o) => ({
          ...(o.instanceType ? { InstanceType: o.instanceType } : { InstanceRequirements: attributes }),
          ...(o.weight ? { WeightedCapacity: o.weight } : {}),
          ...(o.template ? { LaunchTemplateSpecification: specification(o.template) } : {}),
        })),
      },
      ...(distribution ? { InstancesDistribution: distribution } : {}),
    },
  };
}

/** What UpdateAutoScalingGroup does with the launch parameters of its request. */
export function setLaunch(world: AwsWorld, name: string, input: LaunchParameters): void {
  const { LaunchTemplate, LaunchConfigurationName, MixedInstancesPolicy: mixed } = input;
  const given = [LaunchTemplate, LaunchConfigurationName, mixed].filter((p) => p !== undefined);
  if (given.length === 0) return;
  if (given.length > 1)
    throw new AwsRefusal(
      'ValidationError',
      'Valid requests must contain either LaunchTemplate, LaunchConfigurationName or MixedInstancesPolicy parameter.',
    );
  const group = world.group(name);
  if (
    LaunchConfigurationName &&
    !world.description.launchConfigurations.some((c) => c.name === LaunchConfigurationName)
  )
    throw new AwsRefusal(
      'ValidationError',
      `Launch configuration name not found - Launch configuration ${LaunchConfigurationName} not found`,
    );
  const base = mixed ? mixed.LaunchTemplate?.LaunchTemplateSpecification : LaunchTemplate;
  const template = base && choiceOf(world, base);
  if (mixed && !template)
    throw new AwsRefusal(
      'ValidationError',
      'Valid requests must contain a LaunchTemplateSpecification in the MixedInstancesPolicy.',
    );
  const overrides = mixed?.LaunchTemplate?.Overrides?.map(
    (o): Override => ({
      ...(o.InstanceType ? { instanceType: o.InstanceType } : {}),
      ...(o.WeightedCapacity ? { weight: o.WeightedCapacity } : {}),
      ...(o.LaunchTemplateSpecification ? { template: choiceOf(world, o.LaunchTemplateSpecification) } : {}),
    }),
  );
  const { distribution } = group;
  for (const key of ['template', 'launchConfiguration', 'overrides', 'distribution'] as const)
    delete group[key];
  if (template) group.template = template;
  if (LaunchConfigurationName) group.launchConfiguration = LaunchConfigurationName;
  if (!mixed) return;
  group.overrides = overrides ?? [];
  const asked = mixed.InstancesDistribution ?? distribution;
  if (asked) group.distribution = asked;
}

const named = (world: AwsWorld, id: string | undefined, name?: string): LaunchTemplate | undefined =>
  world.description.templates.find((t) => (id ? t.id === id : t.name === name));

function specificationOf(world: AwsWorld, { id, version }: Choice): LaunchTemplateSpecification {
  return {
    LaunchTemplateId: id,
    LaunchTemplateName: named(world, id)?.name,
    Version: version,
  };
}

function choiceOf(world: AwsWorld, specification: LaunchTemplateSpecification): Choice {
  const { LaunchTemplateId: id, LaunchTemplateName: name, Version: version = '$Default' } = specification;
  if ((id === undefined) === (name === undefined))
    throw new AwsRefusal(
      'ValidationError',
      'Valid requests must contain either launchTemplateId or LaunchTemplateName',
    );
  const malformed = (why: string) =>
    new AwsRefusal('ValidationError', `You must use a valid fully-formed launch template. ${why}`);
  const template = named(world, id, name);
  if (!template)
    throw malformed(
      `The specified launch template, with template ${id ? `ID ${id}` : `name ${name}`}, does not exist.`,
    );
  const found = versionOf(template, numberOf(template, version));
  if (!found) throw malformed(`Could not find launch template version ${version}.`);
  const imageId = resolvedImage(world.description, found.imageId);
  if (!imageBy(world.description, imageId)) throw malformed(`The image id '[${imageId}]' does not exist`);
  return { id: template.id, version };
}
