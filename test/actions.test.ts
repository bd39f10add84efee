import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { actionFiles } from '../scripts/action-files.ts';
import { problemsOfWorkflow } from '../scripts/workflow-problems.ts';
import { operations } from '../src/operations/index.ts';

const contracts = Object.values(operations).map((o) => o.contract);
const read = (file: string) => parse(readFileSync(file, 'utf8'));

describe('the action files', () => {
  test('are what the contracts say', () => {
    for (const [path, content] of actionFiles(contracts))
      expect([path, readFileSync(path, 'utf8')]).toEqual([path, content]);
  });

  test('at the root and in actions/engine are the same engine, but for the way to dist', () => {
    const root = readFileSync('action.yml', 'utf8');
    const engine = readFileSync('actions/engine/action.yml', 'utf8');
    expect(engine.replaceAll('../../dist/index.js', 'dist/index.js')).toBe(root);
    expect(read('action.yml').runs).toEqual({
      using: 'node24',
      main: 'dist/index.js',
      post: 'dist/index.js',
      'post-if': 'always()',
    });
  });

  test.each(contracts.map((c) => [c.operation, c] as const))(
    '%s nests the engine, hands on every input and maps every output',
    (name, contract) => {
      const action = read(`actions/${name}/action.yml`);
      const [step] = action.runs.steps;
      expect(action.runs.steps).toHaveLength(1);
      expect(step.uses).toBe('$/actions/engine');
      expect(Object.keys(step.with)).toEqual(['operation', ...Object.keys(contract.inputs)]);
      expect(step.env).toBeUndefined();
      for (const output of Object.keys(contract.outputs))
        expect(action.outputs[output].value).toBe(`\${{ steps.engine.outputs.${output} }}`);
    },
  );

  test('give the engine every input and output of every operation', () => {
    const engine = read('action.yml');
    for (const contract of contracts) {
      expect(Object.keys(engine.inputs)).toEqual(expect.arrayContaining(Object.keys(contract.inputs)));
      expect(Object.keys(engine.outputs)).toEqual(expect.arrayContaining(Object.keys(contract.outputs)));
    }
  });
});

describe('upgrade.yml', () => {
  const readAction = (path: string) => read(`${path.slice(2)}/action.yml`);
  const text = readFileSync('.github/workflows/upgrade.yml', 'utf8');
  const handedOn = [
    ...text.matchAll(/^ *([a-z-]+): \$\{\{ ((?:steps|needs)\.[a-z]+\.outputs\.[a-z-]+) \}\}$/gm),
  ].map((m) => `${m[1]} <- ${m[2]}`);

  test('hands the state of each step on to those that need it', () => {
    expect(handedOn.sort()).toEqual(
      [
        'validation <- steps.validate.outputs.validation',
        'baseline <- steps.baseline.outputs.baseline',
        'validation <- needs.before.outputs.validation',
        'baseline <- needs.before.outputs.baseline',
        'baseline <- needs.before.outputs.baseline',
        'baseline <- needs.before.outputs.baseline',
        'before <- needs.before.outputs.validation',
        'run-id <- steps.prepare.outputs.run-id',
        'run-id <- steps.prepare.outputs.run-id',
        'run-id <- steps.prepare.outputs.run-id',
        'run-id <- steps.prepare.outputs.run-id',
        'run-id <- needs.rotate.outputs.run-id',
        'plan-digest <- steps.prepare.outputs.plan-digest',
        'plan-digest <- steps.prepare.outputs.plan-digest',
        'nodes <- steps.prepare.outputs.nodes',
        'verdict <- steps.drain.outputs.verdict',
        'complete <- steps.drain.outputs.complete',
        'verdict <- steps.validate.outputs.verdict',
        'traffic <- steps.compare.outputs.verdict',
      ].sort(),
    );
  });

  test('has no problems', () => {
    expect(problemsOfWorkflow('upgrade.yml', parse(text), readAction)).toEqual([]);
  });

  test.each(['validation', 'baseline', 'run-id'])(
    'is refused when a job no longer gives its output %s',
    (output) => {
      const without = text.replace(new RegExp(`^ {6}${output}: .*\\n`, 'm'), '');
      expect(problemsOfWorkflow('upgrade.yml', parse(without), readAction).join()).toContain(
        `has no output ${output}`,
      );
    },
  );

  test('is refused when it reads outputs, uses inputs or actions that do not exist', () => {
    const problems = problemsOfWorkflow(
      'w.yml',
      parse(`
jobs:
  a:
    steps:
      - uses: actions/checkout@v4
      - { id: v, uses: ./actions/validate-cluster, with: { clusters: x } }
      - { uses: ./actions/nothing }
    outputs: { x: "\${{ steps.v.outputs.nope }}", y: "\${{ needs.b.outputs.z }}" }
`),
      (path) => (path.includes('validate') ? readAction('./actions/validate-cluster') : undefined),
    );
    expect(problems).toEqual([
      'w.yml: no permissions at the top level; begin with `permissions: {}`',
      'w.yml: a: actions/checkout@v4 is not pinned by its commit',
      'w.yml: a: ./actions/validate-cluster has no input clusters',
      'w.yml: a: ./actions/validate-cluster needs the input cluster',
      'w.yml: a: ./actions/nothing does not exist',
      'w.yml: a: step v has no output nope',
      'w.yml: a: does not need b, but reads its outputs',
    ]);
  });
});
