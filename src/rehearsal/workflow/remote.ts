/** Actions of others that a workflow may use; each is satisfied here, everything else is refused by name. */
const satisfied: Record<
  string,
  (inputs: Record<string, string>) => {
    env?: Record<string, string>;
    outputs?: Record<string, string>;
    says: string;
  }
> = {
  // The workspace is the repository itself.
  'actions/checkout': () => ({ says: 'the repository is here already' }),
  // Credentials come from the environment; only the region is handed on.
  'aws-actions/configure-aws-credentials': (inputs) => ({
    env: inputs['aws-region']
      ? { AWS_REGION: inputs['aws-region'], AWS_DEFAULT_REGION: inputs['aws-region'] }
      : {},
    says: 'credentials come from the environment',
  }),
  'actions/setup-node': () => ({ says: 'Node is here already' }),
  'actions/upload-artifact': (inputs) => ({ says: `${inputs.path} stays where it is` }),
};

const nameOf = (uses: string): string => uses.split('@')[0] ?? uses;

export const isLocal = (uses: string): boolean => uses.startsWith('./') || uses.startsWith('$/');

/** Why an action cannot be run here; undefined when it can. */
export function refusal(uses: string): string | undefined {
  if (isLocal(uses) || nameOf(uses) in satisfied) return undefined;
  return `${uses} cannot be run here; known are ${Object.keys(satisfied).join(', ')} and actions of this repository`;
}

export function satisfy(
  uses: string,
  inputs: Record<string, string>,
): { env?: Record<string, string>; outputs?: Record<string, string>; says: string } {
  const action = satisfied[nameOf(uses)];
  if (!action) throw new Error(refusal(uses));
  return action(inputs);
}
