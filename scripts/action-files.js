import { stringify } from 'yaml';

const author = 'EKS Rolling';
const generated = '# Generated from the contracts in src/operations by `npm run generate`.\n';
/** The files of all actions, by path, as they follow from the contracts. */
export function actionFiles(contracts) {
  const files = new Map();
  files.set('action.yml', engine(contracts, 'dist/index.js'));
  files.set('actions/engine/action.yml', engine(contracts, '../../dist/index.js'));
  for (const contract of contracts)
    files.set(`actions/${contract.operation}/action.yml`, composite(contract));
  return files;
}
/** The node action that every composite nests. It takes the inputs of all operations, and each reads its own. */
function engine(contracts, main) {
  const inputs = {
    operation: {
      description: `What to do: ${contracts.map((c) => c.operation).join(', ')}.`,
      required: true,
    },
  };
  const outputs = {};
  for (const contract of contracts) {
    for (const [name, spec] of Object.entries(contract.inputs)) {
      const users = contracts.filter((c) => name in c.inputs);
      // A default differs between operations, so the engine leaves it to the operation.
      inputs[name] ??= {
        description: `${spec.description}${users.length < contracts.length ? ` (${users.map((c) => c.operation).join(', ')})` : ''}`,
        required: false,
      };
    }
    for (const [name, description] of Object.entries(contract.outputs)) {
      const users = contracts.filter((c) => name in c.outputs);
      outputs[name] ??= {
        description: users.length > 1 ? `See ${users.map((c) => c.operation).join(', ')}.` : description,
      };
    }
  }
  return (
    generated +
    stringify(
      {
        name: 'EKS Rolling',
        description:
          'Replaces every worker node of a Kubernetes cluster on AWS Auto Scaling Groups while nobody notices.',
        author,
        branding: { icon: 'refresh-cw', color: 'orange' },
        inputs,
        outputs,
        runs: { using: 'node24', main, post: main, 'post-if': 'always()' },
      },
      { lineWidth: 0 },
    )
  );
}
function composite(contract) {
  const names = Object.keys(contract.inputs);
  return (
    generated +
    stringify(
      {
        name: contract.title,
        description: contract.description,
        author,
        inputs: Object.fromEntries(
          Object.entries(contract.inputs).map(([name, spec]) => [name, inputOf(spec)]),
        ),
        outputs: Object.fromEntries(
          Object.entries(contract.outputs).map(([name, description]) => [
            name,
            { description, value: `\${{ steps.engine.outputs.${name} }}` },
          ]),
        ),
        runs: {
          using: 'composite',
          steps: [
            {
              id: 'engine',
              uses: '$/actions/engine',
              with: {
                operation: contract.operation,
                ...Object.fromEntries(names.map((name) => [name, `\${{ inputs.${name} }}`])),
              },
            },
          ],
        },
      },
      { lineWidth: 0 },
    )
  );
}
function inputOf(spec) {
  return {
    description: spec.description,
    required: spec.required ?? false,
    ...(spec.default === undefined ? {} : { default: spec.default }),
  };
}
