import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { iamPolicy, statements } from '../../src/aws/rights.ts';

const folder = new URL('../../src/aws/', import.meta.url);

/** IAM's name of a service, where it is not the SDK's. */
const prefixes: Record<string, string> = {
  'auto-scaling': 'autoscaling',
  'elastic-load-balancing': 'elasticloadbalancing',
  'elastic-load-balancing-v2': 'elasticloadbalancing',
  'service-quotas': 'servicequotas',
};

/** The actions of all commands and paginators that the sources import. */
function actionsOfTheCode(): Set<string> {
  const actions = new Set<string>();
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8');
    for (const [, names = '', client = ''] of source.matchAll(
      /import \{([^}]*)\} from '@aws-sdk\/client-([\w-]+)'/g,
    )) {
      for (const [, paginated, command] of names.matchAll(/\bpaginate(\w+)|\b(\w+)Command\b/g))
        actions.add(`${prefixes[client] ?? client}:${paginated ?? command}`);
    }
  }
  return actions;
}

const called = new Set(statements.filter((s) => !s.checkedWith).flatMap((s) => Object.keys(s.calls)));

describe('the table of rights in AWS', () => {
  test('has every call of the code, and no other', () => {
    const code = actionsOfTheCode();
    expect(code.size).toBeGreaterThan(10);
    expect({
      'called in src/aws and missing in the table of src/aws/rights.ts': [...code].filter(
        (a) => !called.has(a),
      ),
      'in the table of src/aws/rights.ts and never called': [...called].filter((a) => !code.has(a)),
    }).toEqual({
      'called in src/aws and missing in the table of src/aws/rights.ts': [],
      'in the table of src/aws/rights.ts and never called': [],
    });
  });

  test('names what AWS checks along with a call only for calls that are made', () => {
    const along = statements.flatMap((s) => s.checkedWith?.action ?? []);
    expect(along.filter((action) => !called.has(action))).toEqual([]);
  });

  test('gives nothing twice', () => {
    const all = statements.flatMap((s) => Object.keys(s.calls));
    expect(all.filter((action, i) => all.indexOf(action) !== i)).toEqual([]);
    expect(new Set(statements.map((s) => s.sid)).size).toBe(statements.length);
  });

  test('lets those who only look change nothing', () => {
    const actions = iamPolicy('lookers').Statement.flatMap((s) => s.Action);
    expect(actions.filter((action) => !/:(Describe|Get|List)/.test(action))).toEqual([]);
  });
});
