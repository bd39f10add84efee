import { cpSync, existsSync, globSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/**
 * Stands in for actions/upload-artifact: copies the files to `<artifacts>/<name>`, below what all of them have in common.
 * @returns what to say in the log. @throws Error when the name is taken, or no file is found and that is an error.
 */
export function keepArtifact(repository: string, artifacts: string, inputs: Record<string, string>): string {
  const name = inputs.name || 'artifact';
  const target = join(artifacts, name);
  const files = filesOf(repository, inputs.path ?? '', inputs['include-hidden-files'] === 'true');
  if (files.length === 0) {
    const text = `No files were found with the provided path: ${inputs.path}. No artifacts will be uploaded.`;
    if (inputs['if-no-files-found'] === 'error') throw new Error(text);
    return inputs['if-no-files-found'] === 'ignore' ? text : `::warning::${text}`;
  }
  if (existsSync(target)) {
    if (inputs.overwrite !== 'true')
      throw new Error(`There is an artifact named ${name} already; set overwrite: true or another name.`);
    rmSync(target, { recursive: true });
  }
  const common = commonDirectory(files);
  for (const file of files) {
    const copy = join(target, relative(common, file));
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(file, copy);
  }
  return `kept ${files.length} ${files.length === 1 ? 'file' : 'files'} in ${target}`;
}

/** The files of a `path` input: lines of paths and patterns, directories with all that is in them, `!` leaves out. */
function filesOf(repository: string, input: string, hidden: boolean): string[] {
  const files = new Set<string>();
  for (const line of input.split('\n').map((l) => l.trim())) {
    if (!line) continue;
    const excluded = line.startsWith('!');
    for (const file of matching(resolve(repository, excluded ? line.slice(1) : line))) {
      if (excluded) files.delete(file);
      else if (hidden || !isHidden(relative(repository, file))) files.add(file);
    }
  }
  return [...files];
}

function matching(pattern: string): string[] {
  const isFile = (path: string): boolean => statSync(path).isFile();
  return globSync(pattern).flatMap((path) =>
    isFile(path)
      ? [path]
      : globSync('**/*', { cwd: path })
          .map((inside) => join(path, inside))
          .filter(isFile),
  );
}

const isHidden = (path: string): boolean =>
  path.split(sep).some((part) => part.startsWith('.') && !/^\.+$/.test(part));

function commonDirectory(files: string[]): string {
  let common = dirname(files[0] ?? '');
  while (!files.every((file) => file.startsWith(common === sep ? sep : common + sep)))
    common = dirname(common);
  return common;
}
