import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { statements } from '../../../src/aws/rights.ts';
import { allows } from '../../../src/rehearsal/aws/policy.ts';

interface Seen {
  actions: Record<string, string[]>;
  refused: Record<string, string[]>;
  foreign: string;
  another: string[];
}

let seen: Seen;
beforeAll(async () => {
  const file = new URL('./rights-program.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [file], { maxBuffer: 2 ** 24 });
  seen = JSON.parse(stdout) as Seen;
}, 60_000);

describe('the policy of the docs', () => {
  test('is what each method of the port calls, over the wire', () => {
    const table: Record<string, string[]> = Object.fromEntries(
      Object.keys(seen.actions).map((method) => [method, []]),
    );
    for (const { calls, checkedWith } of statements) {
      if (checkedWith) continue;
      for (const [action, methods] of Object.entries(calls))
        for (const method of methods) table[method]?.push(action);
    }
    for (const actions of Object.values(table)) actions.sort();
    expect(seen.actions).toEqual(table);
  });

  const actions = statements.flatMap((s) => Object.keys(s.calls));
  test.each(actions)('is needed whole: without %s a call fails and names it', (action) => {
    expect(seen.refused[action]?.length).toBeGreaterThan(0);
    for (const message of seen.refused[action] ?? []) {
      expect(message).toContain(`not authorized to perform: ${action}`);
      expect(message).toMatch(/^\w+: (AccessDenied|AccessDeniedException|UnauthorizedOperation): /);
      expect(message).toMatch(/The role of the workflow needs [^:]*:.*docs\/iam-policy.json/);
    }
  });

  test('changes no group without the tag of the cluster, and no other cluster', () => {
    expect(seen.foreign).toMatch(/SuspendProcesses: AccessDenied: .* on resource: .*\/foreign /);
    expect(seen.another).toEqual([
      expect.stringMatching(/SuspendProcesses: AccessDenied: /),
      expect.stringMatching(/DescribeCluster: AccessDeniedException: /),
    ]);
  });
});

describe('the embedded IAM', () => {
  const policy = (Resource: string, Condition?: Record<string, Record<string, string>>) => ({
    Version: '2012-10-17',
    Statement: [
      { Sid: 'A', Effect: 'Allow' as const, Action: ['s:Do'], Resource, ...(Condition ? { Condition } : {}) },
    ],
  });
  const asked = { action: 's:Do', resource: 'arn:aws:s:r:1:thing/a.b', context: { 's:Tag/x': 'y' } };

  test('allows only the actions that are named', () => {
    expect(allows(policy('*'), asked)).toBe(true);
    expect(allows(policy('*'), { ...asked, action: 's:DoMore' })).toBe(false);
  });

  test('compares resources with wildcards, and nothing else in them is special', () => {
    expect(allows(policy('arn:*:s:*:*:thing/*'), asked)).toBe(true);
    expect(allows(policy('arn:*:s:*:*:thing/a_b'), asked)).toBe(false);
    expect(allows(policy('arn:*:s:*:*:thing/'), asked)).toBe(false);
  });

  test('knows the conditions that the policies use, and refuses to guess at others', () => {
    const under = (condition: Record<string, Record<string, string>>) =>
      allows(policy('*', condition), asked);
    expect(under({ Null: { 's:Tag/x': 'false' } })).toBe(true);
    expect(under({ Null: { 's:Tag/z': 'false' } })).toBe(false);
    expect(under({ Null: { 's:Tag/x': 'true' } })).toBe(false);
    expect(under({ StringEquals: { 's:Tag/x': 'y' } })).toBe(true);
    expect(under({ StringEquals: { 's:Tag/x': 'n' } })).toBe(false);
    expect(under({ ArnLike: { 's:Tag/x': '*' } })).toBe(true);
    expect(() => under({ IpAddress: { 'aws:SourceIp': '1.2.3.4' } })).toThrow(/IpAddress.*policy\.ts/);
  });
});
