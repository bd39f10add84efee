import { launchSourceOf } from '../../aws/launch-source.ts';
import type { LaunchImages } from '../../cluster/images.ts';
import { choicesOf } from '../../cluster/launch-choices.ts';
import { AwsError } from '../../cluster/ports.ts';
import { launchShape } from './launch.ts';
import { refusable } from './refusable.ts';
import {
  createConfiguration,
  createVersion,
  deleteConfiguration,
  deleteVersion,
  imageBy,
  numbersOf,
  parameterOf,
  templateBy,
  versionOf,
} from './templates.ts';
import type { AwsWorld } from './world.ts';

/** The part of the AWS port that gives groups other images, straight on the embedded account. */
export function inProcessImages(world: AwsWorld): LaunchImages {
  const { description } = world;
  const configuration = (name: string) => description.launchConfigurations.find((c) => c.name === name);
  return {
    images: async (ids) =>
      ids.flatMap((id) => {
        const found = imageBy(description, id);
        if (!found) return [];
        const { name, architecture = 'x86_64', state = 'available', own = false } = found;
        return [{ id, name, architecture, state, amazons: !own }];
      }),
    parameter: async (name) => parameterOf(description, name),
    templateVersions: async (id) => {
      const template = refusable('DescribeLaunchTemplateVersions', () => templateBy(description, id));
      return numbersOf(template).map((n) => ({
        version: String(n),
        description: versionOf(template, n)?.description ?? '',
      }));
    },
    copyTemplate: async ({ LaunchTemplateId, Version }, { imageId, description: text }) =>
      refusable('CreateLaunchTemplateVersion', () =>
        String(createVersion(templateBy(description, LaunchTemplateId), Version, { imageId }, text)),
      ),
    async removeTemplateVersion(id, version) {
      const failure = refusable('DeleteLaunchTemplateVersions', () =>
        deleteVersion(templateBy(description, id), Number(version)),
      );
      if (failure && failure.code !== 'launchTemplateVersionDoesNotExist')
        throw new AwsError('DeleteLaunchTemplateVersions', failure.code, failure.message);
    },
    async copyConfiguration(source, { name, imageId }) {
      const found = configuration(source);
      if (!found)
        throw new AwsError('DescribeLaunchConfigurations', 'NotFound', `there is no ${source} to copy`);
      if (configuration(name)?.imageId === imageId) return;
      refusable('CreateLaunchConfiguration', () =>
        createConfiguration(description, {
          ...found.settings,
          LaunchConfigurationName: name,
          ImageId: imageId,
          InstanceType: found.instanceType,
        }),
      );
    },
    async removeConfiguration(name) {
      if (!configuration(name)) return;
      refusable('DeleteLaunchConfiguration', () =>
        deleteConfiguration(description, world.groups.values(), name),
      );
    },
    followersOfLatest: async (templateId) =>
      [...world.groups.values()].flatMap((group) =>
        choicesOf(launchSourceOf(launchShape(world, group))).some(
          (c) => c.LaunchTemplateId === templateId && c.Version === '$Latest',
        )
          ? [group.name]
          : [],
      ),
  };
}
