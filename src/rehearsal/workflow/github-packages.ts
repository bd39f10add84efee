import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Expressions from '@actions/expressions';
import type * as LanguageService from '@actions/languageservice';
import type * as WorkflowParser from '@actions/workflow-parser';
import { build } from 'esbuild';

export interface GithubPackages {
  expressions: typeof Expressions;
  parser: typeof WorkflowParser;
  service: typeof LanguageService;
}

let loaded: Promise<GithubPackages> | undefined;

/**
 * GitHub's own packages for expressions and workflow files. They import JSON without import attributes, which Node refuses,
 * so they are bundled once into the work directory before use.
 */
export function githubPackages(): Promise<GithubPackages> {
  loaded ??= bundle();
  return loaded;
}

async function bundle(): Promise<GithubPackages> {
  const root = new URL('../../../', import.meta.url).pathname;
  const manifest = readFileSync(join(root, 'node_modules/@actions/languageservice/package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const outfile = join(root, 'build', 'vendor', `github-packages-${version}.mjs`);
  if (!existsSync(outfile)) {
    const contents = ['expressions', 'workflow-parser', 'languageservice']
      .map((name) => `export * as ${name.replace('-', '_')} from '@actions/${name}';`)
      .join('\n');
    await build({
      stdin: { contents, resolveDir: root },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      logLevel: 'error',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    });
  }
  const bundled = await import(pathToFileURL(outfile).href);
  return {
    expressions: bundled.expressions,
    parser: bundled.workflow_parser,
    service: bundled.languageservice,
  };
}
