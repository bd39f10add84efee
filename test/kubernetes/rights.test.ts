import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { roles, rolesToLook, type Verb } from '../../src/kubernetes/rights.ts';

/** What a method of the port is for RBAC. */
const verbs: Record<string, Verb[]> = {
  get: ['get'],
  list: ['list'],
  watch: ['list', 'watch'],
  create: ['create'],
  update: ['update'],
  patch: ['patch'],
  remove: ['delete'],
};

/** A rotation lists from what it watches: src/cluster/watched.ts. */
const watches = (file: string, method: string): boolean =>
  method === 'list' && file.startsWith('src/rotation/');

/** The rights that the calls in the sources need; every call names its resource. */
function rightsOfTheCode(): Set<string> {
  const rights = new Set<string>();
  for (const file of globSync('src/{journal,operations,redis,rotation,traffic,validation}/**/*.ts')) {
    const source = readFileSync(file, 'utf8');
    for (const [, method = '', resource] of source.matchAll(
      /\bkubernetes\s*\.(get|list|watch|create|update|patch|remove)\(\s*'(\w+)'/g,
    ))
      for (const verb of verbs[watches(file, method) ? 'watch' : method] ?? [])
        rights.add(`${verb} ${resource}`);
    if (/\.evict\(/.test(source)) rights.add('create pods/eviction');
    if (/\.portForward\(/.test(source))
      for (const v of ['get', 'create']) rights.add(`${v} pods/portforward`);
  }
  return rights;
}

/** One Secret only, which the user grants: docs/rights.md shows how. */
const grantedByName = 'get secrets';

const rightsOf = (of: typeof roles): string[] =>
  of.flatMap(({ rules }) => rules.flatMap((r) => r.targets.flatMap((t) => r.verbs.map((v) => `${v} ${t}`))));

describe('the table of rights in the cluster', () => {
  test('has every call of the code, and no other', () => {
    const code = rightsOfTheCode();
    expect(code.delete(grantedByName)).toBe(true);
    const table = new Set(rightsOf(roles));
    expect({
      'called and missing in the table of src/kubernetes/rights.ts': [...code].filter((r) => !table.has(r)),
      'in the table of src/kubernetes/rights.ts and never called': [...table].filter((r) => !code.has(r)),
    }).toEqual({
      'called and missing in the table of src/kubernetes/rights.ts': [],
      'in the table of src/kubernetes/rights.ts and never called': [],
    });
  });

  test('lets those who only look change nothing but the records that validate-cluster keeps', () => {
    const changing = rightsOf(rolesToLook).filter((right) => !/^(get|list|watch) /.test(right));
    expect(changing).toEqual(['create configmaps']);
  });
});

describe('the sources', () => {
  test('name the resource in every call, so that the table can be held to them', () => {
    const unnamed = globSync('src/{journal,operations,redis,rotation,traffic,validation}/**/*.ts').flatMap(
      (file) =>
        [
          ...readFileSync(file, 'utf8').matchAll(
            /\bkubernetes\s*\.(get|list|watch|create|update|patch|remove)\((?!\s*')[^)]*/g,
          ),
        ].map(([call]) => `${file}: ${call}`),
    );
    expect(unnamed).toEqual([]);
  });
});
