import type { Group, LaunchSource } from '../cluster/ports.ts';
import { AwsError } from '../cluster/ports.ts';
import { launchParameters } from './launch-source.ts';
import { type TemplateClients, targetsOf } from './templates.ts';

/** What EC2 and SSM answer when a template, its version or the parameter of its image is not there. */
const gone = /^(InvalidLaunchTemplate(Id|Name)\.\w*NotFound\w*|ParameterNotFound|ParameterVersionNotFound)$/;

/** What a group set to this would launch now; undefined when a part of it is gone. */
export async function launchesOf(
  clients: TemplateClients,
  source: LaunchSource,
): Promise<Pick<Group, 'target' | 'overrides'> | undefined> {
  try {
    const found = await targetsOf(clients, launchParameters(source));
    // A launch configuration that is not there is left out of the answer.
    return found.target.imageId ? found : undefined;
  } catch (error) {
    if (error instanceof AwsError && gone.test(error.code)) return undefined;
    throw error;
  }
}
