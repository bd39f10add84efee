import type { AutoScalingGroup, LaunchTemplateSpecification } from '@aws-sdk/client-auto-scaling';
import { type AutoScalingClient, DescribeLaunchConfigurationsCommand } from '@aws-sdk/client-auto-scaling';
import { DescribeLaunchTemplateVersionsCommand, type EC2Client } from '@aws-sdk/client-ec2';
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import type { Group } from '../cluster/ports.ts';
import { calling } from './errors.ts';

export interface TemplateClients {
  autoScaling: AutoScalingClient;
  ec2: EC2Client;
  ssm: SSMClient;
}

/** What a new instance of the group would be launched from, with versions and image aliases resolved. */
export async function targetOf(clients: TemplateClients, group: AutoScalingGroup): Promise<Group['target']> {
  if (group.LaunchConfigurationName) return fromLaunchConfiguration(clients, group.LaunchConfigurationName);
  const mixed = group.MixedInstancesPolicy?.LaunchTemplate;
  const specification = mixed?.LaunchTemplateSpecification ?? group.LaunchTemplate;
  const target = await fromTemplate(clients, specification, group.AutoScalingGroupName ?? '');
  const overrides = (mixed?.Overrides ?? []).flatMap((o) => (o.InstanceType ? [o.InstanceType] : []));
  return overrides.length > 0 ? { ...target, instanceTypes: overrides } : target;
}

async function fromLaunchConfiguration(
  { autoScaling }: TemplateClients,
  name: string,
): Promise<Group['target']> {
  const answer = await calling('DescribeLaunchConfigurations', () =>
    autoScaling.send(new DescribeLaunchConfigurationsCommand({ LaunchConfigurationNames: [name] })),
  );
  const found = answer.LaunchConfigurations?.[0];
  return {
    launchConfiguration: name,
    imageId: found?.ImageId ?? '',
    instanceTypes: found?.InstanceType ? [found.InstanceType] : [],
  };
}

async function fromTemplate(
  clients: TemplateClients,
  specification: LaunchTemplateSpecification | undefined,
  group: string,
): Promise<Group['target']> {
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
  };
}

/** `resolve:ssm:<parameter>[:<version>]` names an SSM parameter that holds the image id. */
async function resolvedImage({ ssm }: TemplateClients, image: string): Promise<string> {
  const parameter = /^resolve:ssm:(.+)$/.exec(image)?.[1];
  if (!parameter) return image;
  const answer = await calling('GetParameter', () => ssm.send(new GetParameterCommand({ Name: parameter })));
  return answer.Parameter?.Value ?? '';
}
