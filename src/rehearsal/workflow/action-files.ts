import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Action } from './model.ts';

/** Where the actions lie that can be run here. */
export interface Sources {
  /** The repository of the workflow; it is also the workspace. */
  repository: string;
  /** Repositories of actions that are on this machine: `owner/name` and its directory, which stands for every version. */
  actions?: Readonly<Record<string, string>>;
}

export interface Found {
  directory: string;
  /** What `$/` means inside the action: the repository that the action is of. */
  repository: string;
}

/** Where an action lies that can be run here; undefined when it is of others. `own` is the repository of whoever uses it. */
export function findAction(
  uses: string,
  { repository, actions = {} }: Sources,
  own = repository,
): Found | undefined {
  if (uses.startsWith('./')) return { directory: resolve(repository, uses.slice(2)), repository };
  if (uses.startsWith('$/')) return { directory: resolve(own, uses.slice(2)), repository: own };
  const [, name = '', path = ''] = /^([^/@]+\/[^/@]+)\/?([^@]*)@./.exec(uses) ?? [];
  const home = actions[name];
  return home === undefined ? undefined : { directory: resolve(home, path), repository: home };
}

/** The action file in a directory; undefined when there is none. */
export function readAction(directory: string): Action | undefined {
  const file = ['action.yml', 'action.yaml'].map((name) => join(directory, name)).find(existsSync);
  return file === undefined ? undefined : (parse(readFileSync(file, 'utf8')) as Action);
}
