import type { AutoScalingGroup, LaunchTemplateSpecification } from '@aws-sdk/client-auto-scaling';
import { type AutoScalingClient, DescribeLaunchConfigurationsCommand } from '@aws-sdk/client-auto-scaling';
import { DescribeLaunchTemplateVersionsCommand, type EC2Client } from '@aws-sdk/client-ec2';
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import type { Group, LaunchTarget } from '../cluster/ports.ts';
import { calling } from './errors.ts';

export interface TemplateClients {
  autoScaling: AutoScalingClient;
  ec2: EC2Client;
  ssm: SSMClient;
}

/** What new instances of the group would be launched from, with versions and image aliases resolved. */
export async function targetsOf(
  clients: TemplateClients,
  group: Partial<AutoScalingGroup>,
): Promise<Pick<Group, 'target' | 'overrides'>> {
  if (group.LaunchConfigurationName)
    return { target: await fromLaunchConfiguration(clients, group.LaunchConfigurationName) };
  const name = group.AutoScalingGroupName ?? '';
  const mixed = group.MixedInstancesPolicy?.LaunchTemplate;
  const target = await fromTemplate(
    clients,
    mixed?.LaunchTemplateSpecification ?? group.LaunchTemplate,
    name,
  );
  const given = mixed?.Overrides ?? [];
  const types = given.flatMap((o) => o.InstanceType ?? []);
  const overrides = await Promise.all(
    given
      .filter((o) => o.LaunchTemplateSpecification)
      .map(async (o) => ({
        ...(o.InstanceType ? { instanceType: o.InstanceType } : {}),
        target: await fromTemplate(clients, o.LaunchTemplateSpecification, name),
      })),
  );
  return {
    target: types.length > 0 ? { ...target, instanceTypes: types } : target,
    ...(overrides.length > 0 ? { overrides } : {}),
  };
}

async function fromLaunchConfiguration(
  { autoScaling }: TemplateClients,
  name: string,
): Promise<LaunchTarget> {
  const answer = await calling('DescribeLaunchConfigurations', () =>
    autoScaling.send(new DescribeLaunchConfigurationsCommand({ LaunchConfigurationNames: [name] })),
  );
  const found = answer.LaunchConfigurations?.[0];
  return {
    launchConfiguration: name,
    imageId: found?.ImageId ?? '',
    instanceTypes: found?.InstanceType ? [found.InstanceType] : [],
    ...snapshotsOf(found?.BlockDeviceMappings),
  };
}

async function fromTemplate(
  clients: TemplateClients,
  specification: LaunchTemplateSpecification | undefined,
  group: string,
): Promise<LaunchTarget> {
  if (!specification)
    throw new Error(`Auto Scaling Group ${group} has neither a launch template nor a launch configuration.`);
  const { LaunchTemplateId, LaunchTemplateName, Version } = specification;
  const answer = await calling('DescribeLaunchTemplateVersions', () =>
    clients.ec2.send(
      new DescribeLaunchTemplateVersionsCommand({
        ...(LaunchTemplateId ? { LaunchTemplateId } : { LaunchTemplateName }),
        // An empty version means the default one, as in the group's own settings.
        Versions: [Version || '$Default'],
        ResolveAlias: false,
      }),
    ),
  );
  const version = answer.LaunchTemplateVersions?.[0];
  const data = version?.LaunchTemplateData;
  return {
    template: {
      id: version?.LaunchTemplateId ?? LaunchTemplateId ?? '',
      name: version?.LaunchTemplateName ?? LaunchTemplateName ?? '',
      version: String(version?.VersionNumber ?? ''),
    },
    imageId: await resolvedImage(clients, data?.ImageId ?? ''),
    instanceTypes: data?.InstanceType ? [data.InstanceType] : [],
    ...snapshotsOf(data?.BlockDeviceMappings),
  };
}

function snapshotsOf(
  mappings: { DeviceName?: string | undefined; Ebs?: { SnapshotId?: string | undefined } | undefined }[] = [],
): Pick<LaunchTarget, 'snapshots'> {
  const devices = mappings.flatMap((m) => (m.Ebs?.SnapshotId ? (m.DeviceName ?? []) : []));
  return devices.length > 0 ? { snapshots: devices } : {};
}

/** `resolve:ssm:<parameter>[:<version>]` names an SSM parameter that holds the image id. */
async function resolvedImage({ ssm }: TemplateClients, image: string): Promise<string> {
  const parameter = /^resolve:ssm:(.+)$/.exec(image)?.[1];
  if (!parameter) return image;
  const answer = await calling('GetParameter', () => ssm.send(new GetParameterCommand({ Name: parameter })));
  return answer.Parameter?.Value ?? '';
}
