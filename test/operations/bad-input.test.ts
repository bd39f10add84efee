import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import type { Contract, Session } from '../../src/operations/contract.ts';
import { operations } from '../../src/operations/index.ts';
import { BadInput } from '../../src/operations/inputs.ts';

/** A session whose connections must never be asked for. */
function session(contract: Contract, inputs: Record<string, string>): Session {
  const touched = () => {
    throw new Error('touched something');
  };
  const defaults = Object.fromEntries(
    Object.entries(contract.inputs).map(([name, spec]) => [name, spec.default ?? '']),
  );
  return {
    inputs: { ...defaults, ...inputs },
    clock: systemClock,
    signal: new AbortController().signal,
    kubernetes: touched,
    aws: touched,
    caller: 'test',
    say: () => {},
    warn: () => {},
    output: () => {},
    summary: () => {},
    self: { hostname: 'runner', addresses: [] },
    directory: '/nowhere',
  };
}

async function problemsOf(name: string, inputs: Record<string, string>): Promise<string> {
  const operation = operations[name];
  if (!operation) throw new Error(name);
  const error = await operation.run(session(operation.contract, inputs)).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(BadInput);
  return (error as BadInput).problems.join('\n');
}

describe('bad input is refused before anything is touched', () => {
  test('with all problems at once', async () => {
    const problems = await problemsOf('rotate-nodes', {
      'max-surge': 'many',
      'drain-timeout': '5',
      'on-failure': 'shrug',
      'role-to-assume': 'eks-rolling',
      redis: '- {name: a',
    });
    for (const name of [
      'cluster',
      'validation',
      'baseline',
      'max-surge',
      'drain-timeout',
      'on-failure',
      'role-to-assume',
      'redis',
    ])
      expect(problems).toMatch(new RegExp(`^${name}: `, 'm'));
  });

  test('when options contradict each other', async () => {
    const inputs = {
      cluster: 'shop',
      validation: '{"verdict":"passed"}',
      baseline: 'none',
      'max-surge': '0',
      'max-unavailable': '0%',
    };
    expect(await problemsOf('rotate-nodes', inputs)).toMatch(/no node could ever be replaced/);
  });

  test('when the validation did not pass', async () => {
    const inputs = { cluster: 'shop', validation: '{"verdict":"failed"}', baseline: 'none' };
    expect(await problemsOf('rotate-nodes', inputs)).toMatch(
      /validation: got "failed", expected the verdict passed/,
    );
  });

  test('when drain is not given what prepare gave', async () => {
    const problems = await problemsOf('rotate-nodes', { cluster: 'shop', phase: 'drain' });
    for (const name of ['run-id', 'plan-digest', 'baseline'])
      expect(problems).toContain(`${name}: got nothing`);
  });

  test('when migrate-redis is not given what prepare gave', async () => {
    const problems = await problemsOf('migrate-redis', { cluster: 'shop' });
    for (const name of ['redis', 'run-id', 'plan-digest', 'nodes'])
      expect(problems).toContain(`${name}: got nothing`);
  });

  test('when a postflight has nothing to compare with', async () => {
    expect(await problemsOf('validate-cluster', { cluster: 'shop', phase: 'postflight' })).toMatch(
      /before: got nothing/,
    );
  });

  test('when a check to skip does not exist', async () => {
    expect(await problemsOf('validate-cluster', { cluster: 'shop', skip: 'node-redy' })).toMatch(
      /skip: got "node-redy", expected ids among node-ready/,
    );
  });

  test('when a baseline is recorded without targets, or compared without a baseline', async () => {
    expect(await problemsOf('load-baseline', { cluster: 'shop' })).toMatch(/targets: got nothing/);
    expect(await problemsOf('load-baseline', { cluster: 'shop', mode: 'compare' })).toMatch(
      /baseline: got nothing/,
    );
  });

  test('with every problem of a YAML document', async () => {
    const redis = '- {name: a, kind: sentinal, pods: app=x, port: 99999}';
    const problems = await problemsOf('migrate-redis', {
      cluster: 'shop',
      redis,
      'run-id': 'r',
      'plan-digest': 'd',
      nodes: '[]',
    });
    expect(problems).toMatch(/kind: got "sentinal", expected sentinel or cluster/);
    expect(problems).toMatch(/namespace is missing/);
    expect(problems).toMatch(/port: got 99999, expected a port/);
  });
});
