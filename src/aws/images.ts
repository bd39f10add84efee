import {
  type AutoScalingClient,
  CreateLaunchConfigurationCommand,
  DeleteLaunchConfigurationCommand,
  DescribeLaunchConfigurationsCommand,
  type LaunchConfiguration,
  paginateDescribeAutoScalingGroups,
} from '@aws-sdk/client-auto-scaling';
import {
  CreateLaunchTemplateVersionCommand,
  DeleteLaunchTemplateVersionsCommand,
  DescribeImagesCommand,
  paginateDescribeLaunchTemplateVersions,
} from '@aws-sdk/client-ec2';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import type { LaunchImages } from '../cluster/images.ts';
import { choicesOf } from '../cluster/launch-choices.ts';
import { AwsError } from '../cluster/ports.ts';
import { calling, isAwsError } from './errors.ts';
import { launchSourceOf } from './launch-source.ts';
import type { TemplateClients } from './templates.ts';

export function launchImages({ autoScaling, ec2, ssm }: TemplateClients): LaunchImages {
  return {
    async images(ids) {
      if (ids.length === 0) return [];
      // A filter leaves unknown ids out, where asking by id fails for all of them.
      const answer = await calling('DescribeImages', () =>
        ec2.send(
          new DescribeImagesCommand({
            Filters: [{ Name: 'image-id', Values: [...ids] }],
            IncludeDeprecated: true,
          }),
        ),
      );
      return (answer.Images ?? []).map((image) => ({
        id: image.ImageId ?? '',
        name: image.Name ?? '',
        architecture: image.Architecture ?? '',
        state: image.State ?? '',
        amazons: image.ImageOwnerAlias === 'amazon',
      }));
    },
    async parameter(name) {
      try {
        const answer = await calling('GetParameter', () => ssm.send(new GetParameterCommand({ Name: name })));
        return answer.Parameter?.Value;
      } catch (error) {
        if (isAwsError(error, 'ParameterNotFound')) return undefined;
        throw error;
      }
    },
    templateVersions: (templateId) =>
      calling('DescribeLaunchTemplateVersions', async () => {
        const versions: { number: number; description: string }[] = [];
        const pages = paginateDescribeLaunchTemplateVersions(
          { client: ec2 },
          { LaunchTemplateId: templateId },
        );
        for await (const page of pages)
          for (const v of page.LaunchTemplateVersions ?? [])
            versions.push({ number: v.VersionNumber ?? 0, description: v.VersionDescription ?? '' });
        versions.sort((a, b) => a.number - b.number);
        return versions.map(({ number, description }) => ({ version: String(number), description }));
      }),
    async copyTemplate({ LaunchTemplateId, Version }, { imageId, description }) {
      const answer = await calling('CreateLaunchTemplateVersion', () =>
        ec2.send(
          new CreateLaunchTemplateVersionCommand({
            LaunchTemplateId,
            SourceVersion: Version,
            VersionDescription: description,
            LaunchTemplateData: { ImageId: imageId },
          }),
        ),
      );
      return String(answer.LaunchTemplateVersion?.VersionNumber ?? '');
    },
    async removeTemplateVersion(LaunchTemplateId, version) {
      const answer = await calling('DeleteLaunchTemplateVersions', () =>
        ec2.send(new DeleteLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions: [version] })),
      );
      // The call succeeds also when a version could not be deleted.
      const { Code = '', Message = '' } =
        answer.UnsuccessfullyDeletedLaunchTemplateVersions?.[0]?.ResponseError ?? {};
      if (Code && Code !== 'launchTemplateVersionDoesNotExist')
        throw new AwsError('DeleteLaunchTemplateVersions', Code, Message);
    },
    async copyConfiguration(source, { name, imageId }) {
      const found = await configuration(autoScaling, source);
      if (!found)
        throw new AwsError('DescribeLaunchConfigurations', 'NotFound', `there is no ${source} to copy`);
      try {
        await calling('CreateLaunchConfiguration', () =>
          autoScaling.send(
            new CreateLaunchConfigurationCommand({
              ...settingsOf(found),
              LaunchConfigurationName: name,
              ImageId: imageId,
            }),
          ),
        );
      } catch (error) {
        if (!isAwsError(error, 'AlreadyExists')) throw error;
        if ((await configuration(autoScaling, name))?.ImageId !== imageId) throw error;
      }
    },
    async removeConfiguration(name) {
      try {
        await calling('DeleteLaunchConfiguration', () =>
          autoScaling.send(new DeleteLaunchConfigurationCommand({ LaunchConfigurationName: name })),
        );
      } catch (error) {
        if (!isAwsError(error, 'ValidationError') || !/not found/i.test(error.message)) throw error;
      }
    },
    followersOfLatest: (templateId) =>
      calling('DescribeAutoScalingGroups', async () => {
        const names: string[] = [];
        for await (const page of paginateDescribeAutoScalingGroups({ client: autoScaling }, {}))
          for (const group of page.AutoScalingGroups ?? []) {
            const choices = choicesOf(launchSourceOf(group));
            if (choices.some((c) => c.LaunchTemplateId === templateId && c.Version === '$Latest'))
              names.push(group.AutoScalingGroupName ?? '');
          }
        return names;
      }),
  };
}

async function configuration(
  client: AutoScalingClient,
  name: string,
): Promise<LaunchConfiguration | undefined> {
  const answer = await calling('DescribeLaunchConfigurations', () =>
    client.send(new DescribeLaunchConfigurationsCommand({ LaunchConfigurationNames: [name] })),
  );
  return answer.LaunchConfigurations?.[0];
}

/** What CreateLaunchConfiguration takes of a description: it refuses the empty texts that stand there for what is not set. */
function settingsOf(found: LaunchConfiguration) {
  const { LaunchConfigurationARN: _, CreatedTime: __, ...settings } = found;
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== ''));
}
