import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildControlPlane, goProblem } from './build.ts';
import type { Release } from './versions.ts';

export const programs = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
] as const;

/** The path of each program. */
export type Binaries = Record<(typeof programs)[number], string>;

/** No control plane is here and none can be built; the message says what to install. */
export class NoControlPlane extends Error {}

/**
 * Finds the programs of a control plane: by explicit paths (`TEST_ASSET_ETCD` and so on for one, `KUBEBUILDER_ASSETS` for a
 * directory of all), then in the cache outside the work tree, then by building them from the published Go modules.
 * @throws NoControlPlane
 */
export async function obtainBinaries(
  release: Release,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Binaries> {
  const explicit = explicitPaths(env);
  if (explicit) return explicit;
  const directory = cacheOf(release, env);
  if (!existsSync(directory)) {
    const problem = await goProblem();
    if (problem)
      throw new NoControlPlane(
        `There is no control plane of Kubernetes ${release.kubernetes} in ${directory}, and it cannot be built: ${problem} ` +
          'Install Go (https://go.dev/dl/), or set KUBEBUILDER_ASSETS to a directory with ' +
          `${programs.join(', ')}.`,
      );
    await buildControlPlane(release, directory, say);
  }
  return inDirectory(directory, 'the cache');
}

/** The environment that names these programs by explicit paths. */
export const assetsOf = (binaries: Binaries): Record<string, string> =>
  Object.fromEntries(programs.map((program) => [variableOf(program), binaries[program]]));

const variableOf = (program: string): string => `TEST_ASSET_${program.toUpperCase().replaceAll('-', '_')}`;

/** Where a release is kept. It outlives the work tree, because a build takes minutes. */
export function cacheOf({ kubernetes, etcd }: Release, env: NodeJS.ProcessEnv): string {
  const root = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(root, 'eks-rolling', 'control-plane', `kubernetes-${kubernetes}-etcd-${etcd}`);
}

function explicitPaths(env: NodeJS.ProcessEnv): Binaries | undefined {
  const directory = env.KUBEBUILDER_ASSETS;
  const named = programs.map((program) => [program, env[variableOf(program)]]);
  if (!directory && named.every(([, path]) => !path)) return undefined;
  const paths = Object.fromEntries(
    named.map(([program = '', path]) => [program, path || join(directory ?? '', program)]),
  );
  return verified(paths as Binaries, 'KUBEBUILDER_ASSETS and TEST_ASSET_*');
}

function inDirectory(directory: string, where: string): Binaries {
  return verified(Object.fromEntries(programs.map((p) => [p, join(directory, p)])) as Binaries, where);
}

function verified(paths: Binaries, where: string): Binaries {
  const missing = programs.filter((program) => !executable(paths[program]));
  if (missing.length === 0) return paths;
  throw new NoControlPlane(
    `${where} give no executable ${missing.map((m) => `${m} (${paths[m]})`).join(', ')}.`,
  );
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
