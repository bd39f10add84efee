import type { CreateLaunchConfigurationType } from '@aws-sdk/client-auto-scaling';
import {
  type AwsDescription,
  AwsRefusal,
  type EmbeddedGroup,
  type EmbeddedImage,
  type LaunchConfiguration,
  type LaunchTemplate,
  type TemplateVersion,
} from './state.ts';

const longestText = 255;

/** @throws AwsRefusal as EC2 does for a template that is not there. */
export function templateBy(description: AwsDescription, id?: string, name?: string): LaunchTemplate {
  const found = description.templates.find((t) => (id ? t.id === id : t.name === name));
  if (found) return found;
  throw id
    ? new AwsRefusal(
        'InvalidLaunchTemplateId.NotFound',
        `The specified launch template, with template ID ${id}, does not exist.`,
      )
    : new AwsRefusal(
        'InvalidLaunchTemplateName.NotFoundException',
        `The specified launch template, with template name ${name}, does not exist.`,
      );
}

/** Numbers of the versions that have not been deleted; a number is never given again. */
export const numbersOf = (template: LaunchTemplate): number[] =>
  template.versions.flatMap((v, i) => (v.deleted ? [] : [i + 1]));

/** The number that `$Latest`, `$Default` or a number means now. */
export function numberOf(template: LaunchTemplate, asked: string): number {
  if (asked === '$Latest') return numbersOf(template).at(-1) ?? 0;
  return asked === '$Default' ? template.defaultVersion : Number(asked);
}

export function versionOf(template: LaunchTemplate, number: number): TemplateVersion | undefined {
  const version = template.versions[number - 1];
  return version?.deleted ? undefined : version;
}

/** CreateLaunchTemplateVersion. Like EC2, it does not ask whether the image exists. */
export function createVersion(
  template: LaunchTemplate,
  source: string | undefined,
  data: { imageId?: string | undefined; instanceType?: string | undefined },
  description = '',
): number {
  if (description.length > longestText)
    throw new AwsRefusal(
      'InvalidParameterValue',
      `The version description cannot exceed ${longestText} characters.`,
    );
  const from = source === undefined ? undefined : versionOf(template, numberOf(template, source));
  if (source !== undefined && !from)
    throw new AwsRefusal(
      'InvalidLaunchTemplateId.VersionNotFound',
      `Could not find launch template version ${source}.`,
    );
  template.versions.push({
    imageId: data.imageId ?? from?.imageId ?? '',
    instanceType: data.instanceType ?? from?.instanceType ?? '',
    // Snapshots of the source are left out, as the API reference says of SourceVersion.
    ...(description ? { description } : {}),
  });
  return template.versions.length;
}

/** One version of DeleteLaunchTemplateVersions; answers with the error that its response names. */
export function deleteVersion(
  template: LaunchTemplate,
  number: number,
): { code: string; message: string } | undefined {
  const version = versionOf(template, number);
  if (!version)
    return {
      code: 'launchTemplateVersionDoesNotExist',
      message: `Could not find launch template version ${number}.`,
    };
  if (number === template.defaultVersion)
    return {
      code: 'unexpectedError',
      message: 'The default launch template version cannot be deleted.',
    };
  version.deleted = true;
  return undefined;
}

export function createConfiguration(
  description: AwsDescription,
  { LaunchConfigurationName: name = '', ImageId, InstanceType, ...settings }: CreateLaunchConfigurationType,
): void {
  const empty = Object.entries({ ...settings, ImageId, InstanceType }).find(([, value]) => value === '');
  if (empty)
    throw new AwsRefusal(
      'ValidationError',
      `1 validation error detected: Value '' at '${empty[0]}' failed to satisfy constraint: Member must have length greater than or equal to 1`,
    );
  if (name === '' || name.length > longestText)
    throw new AwsRefusal(
      'ValidationError',
      `1 validation error detected: Value '${name}' at 'launchConfigurationName' failed to satisfy constraint: Member must have length less than or equal to ${longestText}`,
    );
  if (description.launchConfigurations.some((c) => c.name === name))
    throw new AwsRefusal(
      'AlreadyExists',
      `Launch Configuration by this name already exists - A launch configuration already exists with the name ${name}`,
    );
  if (!imageBy(description, ImageId)) throw new AwsRefusal('ValidationError', 'AMI cannot be described');
  description.launchConfigurations.push({
    name,
    imageId: ImageId ?? '',
    instanceType: InstanceType ?? '',
    settings,
  });
}

export function deleteConfiguration(
  description: AwsDescription,
  groups: Iterable<EmbeddedGroup>,
  name: string,
): void {
  if (!description.launchConfigurations.some((c) => c.name === name))
    throw new AwsRefusal(
      'ValidationError',
      `Launch configuration name not found - Launch configuration ${name} not found`,
    );
  const user = [...groups].find((g) => g.launchConfiguration === name);
  if (user)
    throw new AwsRefusal(
      'ResourceInUse',
      `Cannot delete launch configuration ${name} because it is attached to AutoScalingGroup ${user.name}`,
    );
  description.launchConfigurations = description.launchConfigurations.filter((c) => c.name !== name);
}

/** As DescribeLaunchConfigurations shows it: with empty texts for what was never set. */
export const configurationShape = (found: LaunchConfiguration) => ({
  KeyName: '',
  KernelId: '',
  RamdiskId: '',
  UserData: '',
  SecurityGroups: [],
  BlockDeviceMappings: [],
  ...found.settings,
  LaunchConfigurationName: found.name,
  ImageId: found.imageId,
  InstanceType: found.instanceType,
  CreatedTime: new Date(0),
});

export const imageBy = (description: AwsDescription, id: string | undefined): EmbeddedImage | undefined =>
  description.images.find((i) => i.id === id);

/** The images that EKS recommends, and what else the account has in SSM. */
export function parameterOf(description: AwsDescription, name: string): string | undefined {
  const standard = `/aws/service/eks/optimized-ami/${description.version}/amazon-linux-2023/x86_64/standard`;
  if (name === `${standard}/recommended/image_id`) return description.recommendedImage;
  return description.parameters?.[name];
}

/** `resolve:ssm:<parameter>` means what the parameter holds now. */
export function resolvedImage(description: AwsDescription, imageId: string): string {
  const [, parameter] = /^resolve:ssm:(.+)$/.exec(imageId) ?? [];
  if (parameter === undefined) return imageId;
  const value = parameterOf(description, parameter);
  if (value === undefined)
    throw new AwsRefusal('ValidationError', `The SSM parameter ${parameter} could not be resolved.`);
  return value;
}
