import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { operations } from '../src/operations/index.ts';
import { actionFiles } from './action-files.ts';
import { rightsFiles } from './rights.ts';
import { withTables } from './tables.ts';

/** Writes every generated file, or with --check says which differ. */
const check = process.argv.includes('--check');
const contracts = Object.values(operations).map((o) => o.contract);
const files = actionFiles(contracts);

const documents = ['README.md', ...contracts.map((c) => `actions/${c.operation}/README.md`)];
for (const path of documents) {
  if (!existsSync(path)) continue;
  files.set(
    path,
    withTables(readFileSync(path, 'utf8'), (action) => files.get(`actions/${action}/action.yml`) ?? ''),
  );
}

for (const [path, content] of rightsFiles(readFileSync('docs/rights.md', 'utf8'))) files.set(path, content);

const different = [...files].filter(
  ([path, content]) => !existsSync(path) || readFileSync(path, 'utf8') !== content,
);
for (const [path, content] of different) {
  if (check) console.error(`${path} is not what its source says; run npm run generate and commit it.`);
  else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    console.log(`wrote ${path}`);
  }
}
if (check && different.length > 0) process.exit(1);
