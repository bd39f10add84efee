import type { Sources } from './action-files.ts';
import { keepArtifact } from './artifacts.ts';

/** Where an action of others may act. */
export interface Place extends Sources {
  /** The directory in which artifacts are kept. */
  artifacts: string;
}

export interface Satisfied {
  env?: Record<string, string>;
  /** A line for the log. */
  says: string;
}

/** Actions of others that a workflow may use; each is satisfied here, everything else is refused by name. */
const satisfied: Record<string, (inputs: Record<string, string>, place: Place) => Satisfied> = {
  // The workspace is the repository itself.
  'actions/checkout': () => ({ says: 'the repository is here already' }),
  'actions/setup-node': () => ({ says: 'Node is here already' }),
  // Credentials come from the environment; only the region is handed on.
  'aws-actions/configure-aws-credentials': (inputs) => ({
    env: inputs['aws-region']
      ? { AWS_REGION: inputs['aws-region'], AWS_DEFAULT_REGION: inputs['aws-region'] }
      : {},
    says: 'credentials come from the environment',
  }),
  'actions/upload-artifact': (inputs, { repository, artifacts }) => ({
    says: keepArtifact(repository, artifacts, inputs),
  }),
};

const nameOf = (uses: string): string => uses.split('@')[0] ?? uses;

/** Why an action of others cannot be run here; undefined when it can. */
export function refusal(uses: string): string | undefined {
  if (nameOf(uses) in satisfied) return undefined;
  return `${uses} cannot be run here; known are ${Object.keys(satisfied).join(', ')} and actions of this repository`;
}

/** @throws Error when the action is unknown, or fails. */
export function satisfy(uses: string, inputs: Record<string, string>, place: Place): Satisfied {
  const action = satisfied[nameOf(uses)];
  if (!action) throw new Error(refusal(uses));
  return action(inputs, place);
}
