import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Action } from './model.ts';

export const isLocal = (uses: string): boolean => uses.startsWith('./') || uses.startsWith('$/');

/** Where an action of this repository lies; the repository is also the workspace, so `./` and `$/` mean the same place. */
export const directoryOf = (repository: string, uses: string): string => resolve(repository, uses.slice(2));

/** The action file in a directory; undefined when there is none. */
export function readAction(directory: string): Action | undefined {
  const file = ['action.yml', 'action.yaml'].map((name) => join(directory, name)).find(existsSync);
  return file === undefined ? undefined : (parse(readFileSync(file, 'utf8')) as Action);
}
