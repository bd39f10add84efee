import { existsSync, globSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { githubPackages } from '../src/rehearsal/workflow/github-packages.js';
import { problemsOfWorkflow } from './workflow-problems.js';

/** Checks every action and workflow file with GitHub's own language service, and for what that does not see. */
const files = [
  'action.yml',
  ...globSync('actions/*/action.yml'),
  ...globSync('.github/workflows/*.yml'),
].sort();
const { service } = await githubPackages();
const problems = [];
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  const uri = `file:///${file}`;
  const { TextDocument } = await import('vscode-languageserver-textdocument');
  const document = TextDocument.create(uri, 'yaml', 1, text);
  const fileProvider = {
    getFileContent: async (path) => ({
      name: path.path,
      content: readFileSync(path.path, 'utf8'),
    }),
  };
  for (const found of await service.validate(document, { fileProvider: fileProvider })) {
    problems.push(`${file}:${found.range.start.line + 1}: ${found.message}`);
  }
  if (file.startsWith('.github/')) problems.push(...problemsOfWorkflow(file, parse(text), readAction));
}
for (const problem of problems) console.error(problem);
console.log(`${files.length} action and workflow files, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
/** The action.yml of a `./` or `$/` path of this repository. */
function readAction(path) {
  const file = `${path.replace(/^[.$]\//, '')}/action.yml`;
  return existsSync(file) ? parse(readFileSync(file, 'utf8')) : undefined;
}
