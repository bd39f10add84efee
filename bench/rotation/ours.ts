import type { Clock } from '../../src/clock.ts';
import type { Aws, Kubernetes } from '../../src/cluster/ports.ts';
import type { Operation, Session } from '../../src/operations/contract.ts';
import { rotateNodes } from '../../src/operations/rotate-nodes.ts';
import { groupName } from './stage.ts';

export interface Ports {
  clock: Clock;
  kubernetes: Kubernetes;
  aws: Aws;
}

/** The operation itself, as the action runs it, with its defaults. */
export async function rotateWithThisSuite(
  { clock, kubernetes, aws }: Ports,
  inputs: Record<string, string>,
  say: (line: string) => void,
): Promise<Record<string, string>> {
  const operation: Operation = rotateNodes;
  const given: Record<string, string> = {
    cluster: groupName,
    validation: '{"verdict":"passed","digest":"0"}',
    baseline: 'none',
    groups: groupName,
    'time-budget': '100h',
    ...inputs,
  };
  const outputs: Record<string, string> = {};
  const session: Session = {
    inputs: Object.fromEntries(
      Object.entries(operation.contract.inputs).map(([name, spec]) => [
        name,
        given[name] ?? spec.default ?? '',
      ]),
    ),
    clock,
    signal: new AbortController().signal,
    kubernetes: async () => kubernetes,
    aws: async () => aws,
    caller: 'bench',
    self: { hostname: 'runner', addresses: [] },
    say,
    warn: say,
    output: (name, value) => {
      outputs[name] = value;
    },
    summary: () => {},
    directory: '/nowhere',
  };
  await operation.run(session);
  return outputs;
}
